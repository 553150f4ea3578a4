"""Sequences whose keys and values are kept, so that a prompt that begins like one of them is computed from there."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from transformers import DynamicCache

from mmcore.host.shares import Shares
from mmcore.host.transformers.prompts import Prompt

# Kinds of layers that can be cut back to any length when everything is kept, as it is in a cache without a window.
_ATTENTION = {"full_attention", "sliding_attention", "chunked_attention"}


@dataclass(eq=False, slots=True)
class Run:
    """Tokens and what the model remembers of the first of them.

    `offsets` is what families with positions in space add to the count of tokens behind a picture.
    """

    prompt: Prompt
    ids: list[int]
    cache: Any
    offsets: list[torch.Tensor | None] = field(default_factory=list)
    closed: bool = False

    @property
    def computed(self) -> int:
        return int(self.cache.get_seq_length())


class Kept:
    """The sequences that were used last, at the end the very last, as many as fit into `most_bytes`."""

    def __init__(self, config: Any, most_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._most_bytes = most_bytes
        self._sequences: list[Run] = []
        self._shares = Shares(most_bytes, clock)
        self._evictions = 0

    def take(self, prompt: Prompt) -> Run:
        """A sequence for `prompt`, with as much of it computed as one of those kept has; that one is kept no more."""
        best, common = None, 0
        for sequence in self._sequences:
            shared = _shared(sequence, prompt)
            if 0 < shared >= common and (sequence.cache.is_croppable or shared == sequence.computed):
                best, common = sequence, shared
        if best is None:
            return Run(prompt, list(prompt.ids), self._new_cache())
        self._sequences.remove(best)
        # Negative: how many to remove.
        best.cache.crop(common - best.computed)
        return Run(prompt, list(prompt.ids), best.cache, best.offsets)

    def put(self, run: Run) -> None:
        # A family may not say where in its prompt the pictures are: that part must be there whole or not at all.
        if run.computed <= run.prompt.pictured:
            return
        # The pixels are in the keys and values by now.
        run.prompt = replace(run.prompt, pixels={}, marks={})
        self._sequences.append(run)
        self._shares.note(run.prompt.workspace)
        while self._sequences and sum(sizes := [_bytes(kept.cache) for kept in self._sequences]) > self._most_bytes:
            workspaces = [kept.prompt.workspace for kept in self._sequences]
            held: Counter[str] = Counter()
            for workspace, size in zip(workspaces, sizes, strict=True):
                held[workspace] += size
            del self._sequences[self._shares.first_to_go(workspaces, held)]
            self._evictions += 1

    def figures(self) -> tuple[int, int, int, int]:
        """Bytes and their limit, sequences, and how many were dropped to make room."""
        sequences = list(self._sequences)
        return sum(_bytes(kept.cache) for kept in sequences), self._most_bytes, len(sequences), self._evictions

    def clear(self) -> None:
        self._sequences.clear()

    def _new_cache(self) -> Any:
        kinds = set(getattr(self._config.get_text_config(), "layer_types", None) or _ATTENTION)
        return DynamicCache() if kinds <= _ATTENTION else DynamicCache(config=self._config)


def _shared(sequence: Run, prompt: Prompt) -> int:
    """How many tokens of `prompt` the sequence has computed; at least one is left, for the model to go on from."""
    if sequence.prompt.pictures != prompt.pictures:
        return 0
    count = common_length(sequence.ids[: sequence.computed], prompt.ids[:-1])
    # The pixels belong to the tokens up to there.
    return count if count >= prompt.pictured else 0


def _bytes(cache: Any) -> int:
    tensors = (getattr(layer, part, None) for layer in cache.layers for part in ("keys", "values"))
    return sum(tensor.nbytes for tensor in tensors if tensor is not None)


def common_length(one: Sequence[int], other: Sequence[int]) -> int:
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    return min(len(one), len(other))
