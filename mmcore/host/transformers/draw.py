"""Choose the next token from a model's logits."""

from __future__ import annotations

import torch

from mmcore.engine.base import Sampling


class Draw:
    """One request's draws: repeatable where it has a seed."""

    def __init__(self, sampling: Sampling, device: torch.device) -> None:
        self._sampling = sampling
        self._generator = torch.Generator(device)
        if sampling.seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(sampling.seed % (1 << 63))

    def __call__(self, logits: torch.Tensor, logprob: bool) -> tuple[int, float]:
        """The token, and its natural-log probability under the model where that is wanted; `logits` is [vocabulary]."""
        logits = logits.float()
        if self._sampling.temperature == 0:
            token = int(logits.argmax())
        else:
            weights = torch.softmax(logits / self._sampling.temperature, -1)
            if self._sampling.top_p < 1:
                weights = _nucleus(weights, self._sampling.top_p)
            token = int(torch.multinomial(weights, 1, generator=self._generator))
        # Of the model, not of what was drawn from: a temperature does not make it surer.
        return token, float(torch.log_softmax(logits, -1)[token]) if logprob else 0.0


def _nucleus(weights: torch.Tensor, share: float) -> torch.Tensor:
    """Only the likeliest tokens that together have that share of the probability (Holtzman et al. 2020)."""
    ordered, places = weights.sort(descending=True)
    # The token that crosses the line belongs to them.
    ordered[ordered.cumsum(-1) - ordered >= share] = 0
    return torch.zeros_like(weights).scatter(0, places, ordered)
