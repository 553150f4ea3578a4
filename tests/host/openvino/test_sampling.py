"""Tokens come as often as their logits say."""

from __future__ import annotations

import numpy as np

from mmcore.engine.base import Sampling
from mmcore.host.openvino.sampling import BLOCK, Sampler

# The last block is a short one.
COUNT = 2 * BLOCK + 100
DRAWS = 8_000
LOGITS = np.random.default_rng(0).normal(size=COUNT).astype(np.float32)


def shares(sampling: Sampling, logits: np.ndarray) -> np.ndarray:
    """How often each token was drawn."""
    sampler = Sampler(sampling)
    return np.bincount([sampler.draw(logits) for _ in range(DRAWS)], minlength=COUNT) / DRAWS


def softmax(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits.astype(np.float64))
    return weights / weights.sum()


def test_draws_follow_the_temperature() -> None:
    drawn, expected = shares(Sampling(1, 0.5, seed=1), LOGITS), softmax(LOGITS / 0.5)
    # Pearson's statistic for a degree of freedom: 1, and .04 up or down.
    misfit = ((drawn - expected) ** 2 / expected).sum() * DRAWS / (COUNT - 1)
    assert 0.8 < misfit < 1.2
    other = softmax(LOGITS)
    assert ((drawn - other) ** 2 / other).sum() * DRAWS / (COUNT - 1) > 1.3


def test_only_the_nucleus_is_drawn_from() -> None:
    drawn, expected = shares(Sampling(1, 1.0, top_p=0.5, seed=1), LOGITS), softmax(LOGITS)
    order = np.argsort(-expected)
    nucleus = order[: int(np.searchsorted(expected[order].cumsum(), 0.5)) + 1]
    assert not np.delete(drawn, nucleus).any()
    assert np.allclose(drawn[nucleus], expected[nucleus] / expected[nucleus].sum(), atol=0.008)


def test_a_token_of_one_block_alone_always_comes() -> None:
    logits = np.full(COUNT, -1000, np.float32)
    logits[BLOCK + 3] = 0
    assert shares(Sampling(1, 1.0, seed=1), logits)[BLOCK + 3] == 1


def test_the_same_seed_draws_the_same() -> None:
    first, second = (Sampler(Sampling(1, 1.0, seed=7)) for _ in range(2))
    assert [first.draw(LOGITS) for _ in range(50)] == [second.draw(LOGITS) for _ in range(50)]


def test_only_allowed_tokens_come() -> None:
    sampler = Sampler(Sampling(1, 1.0, seed=1))
    assert {sampler.draw(LOGITS, [5, BLOCK + 5]) for _ in range(200)} == {5, BLOCK + 5}
    assert Sampler(Sampling(1, 0.0)).draw(LOGITS, [5, 6]) == 5 + int(LOGITS[6] > LOGITS[5])
