"""Draw a token from a row of logits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmcore.engine.base import Sampling

Row = NDArray[np.float32]

# Tokens drawn among together: a running sum over the whole vocabulary takes 2 ms, where a small model's token takes 30.
BLOCK = 512


class Sampler:
    """One request's: with the same seed it draws the same from the same logits."""

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._random = np.random.default_rng(sampling.seed)

    def draw(self, logits: Row, allowed: Sequence[int] | None = None) -> int:
        """A token's number; `allowed`, where given, are the only ones that may come."""
        if allowed is not None:
            return int(allowed[self._index(logits[list(allowed)])])
        return self._index(logits)

    def _index(self, logits: Row) -> int:
        if self._sampling.temperature == 0:
            return int(logits.argmax())
        weights = np.exp((logits - logits.max()) / self._sampling.temperature)
        candidates = None
        if self._sampling.top_p < 1:
            candidates = _nucleus(weights / weights.sum(), self._sampling.top_p)
            weights = weights[candidates]
        begin = BLOCK * self._place(np.add.reduceat(weights, np.arange(0, len(weights), BLOCK)))
        place = begin + self._place(weights[begin : begin + BLOCK])
        return place if candidates is None else int(candidates[place])

    def _place(self, weights: Row) -> int:
        """Drawn by weight."""
        sums = weights.cumsum(dtype=np.float64)
        return int(np.searchsorted(sums, self._random.random() * sums[-1], "right"))


def _nucleus(probabilities: Row, top_p: float) -> NDArray[np.int64]:
    """The fewest tokens that have `top_p` together (Holtzman et al. 2020), the most probable first."""
    # Those under this bound have less than 1 - top_p together: no need to sort them.
    likely = np.flatnonzero(probabilities >= (1 - top_p) / len(probabilities))
    likely = likely[np.argsort(-probabilities[likely], kind="stable")]
    return likely[: int(np.searchsorted(probabilities[likely].cumsum(), top_p)) + 1]


def log_probability(logits: Row, token: int) -> float:
    """Natural logarithm, before temperature and nucleus."""
    most = logits.max()
    return float(logits[token] - most - np.log(np.exp(logits - most).sum()))
