"""Decode by replaying one captured forward pass: its kernels take less time than it takes to launch them one by one.

A captured pass finds keys and values where they were: those of a request are copied into a cache of fixed length.
See https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from transformers import Cache
from transformers.cache_utils import StaticLayer

from mmcore.host.transformers.kept import Run

_log = logging.getLogger(__name__)

# Attention looks at every place of the cache, taken or not, so it is as long as the next power of two.
SHORTEST_TOKENS = 1024
# Parts of 128 to 512 keys took the same time on an H200.
PART_TOKENS = 256
# What bfloat16 and another order of sums leave of equality, as a share of the norm: random weights of a 3B were off by
# .055, a cache with other tokens in it by .7.
TOLERANCE = 0.15
# What a family that was not written for it fails with: it asks the device for a number, or for a position as an int.
_UNFIT = (RuntimeError, TypeError, ValueError, AttributeError, IndexError, KeyError)


class CapturedDecoder:
    """The steps of one request at a time. On a device without graphs the pass is computed as it comes, for tests."""

    def __init__(self, model: Any, offsets: Sequence[Any]) -> None:
        """`offsets`: the modules that keep the distance between positions and the count of tokens."""
        self._model = model
        self._offsets = offsets
        self._step: _Step | None = None
        self._run: Run | None = None
        self._fits = True

    def holds(self, run: Run) -> bool:
        """Whether the next token of `run` is computed here; what it does not hold any more is in the run again."""
        if self._run is run and self._step is not None and self._step.count == self._step.length:
            self.release(run)
        return self._run is run

    def step(self, token: int) -> torch.Tensor:
        """Logits after `token`, of shape [vocabulary]; they are overwritten by the next step."""
        assert self._step is not None
        return self._step(token)

    def adopt(self, run: Run, logits: torch.Tensor) -> None:
        """Take over after a step outside, if there is room: only if that step comes out here as it did there."""
        if self._run is not None or not self._fits:
            return
        count = run.computed
        length = SHORTEST_TOKENS
        while length <= count:
            length *= 2
        try:
            if self._step is None or self._step.length != length:
                self._step = None
                self._step = _Step(self._model, len(run.cache.layers), length, bool(self._offsets))
            self._step.load(run, count - 1)
            here = self._step(run.ids[count - 1]).float()
            off = float((here - logits.float()).norm() / logits.float().norm())
            why = f"off by {off:.2g}"
        except torch.OutOfMemoryError:
            self._step = None
            return
        except _UNFIT as error:
            off, why = float("inf"), str(error)
        if not off <= TOLERANCE:
            _log.warning("%s is not decoded by a captured pass: %s", type(self._model).__name__, why)
            self._step, self._fits = None, False
            return
        self._run = run

    def release(self, run: Run) -> None:
        """Give `run` what was computed for it here."""
        if self._run is run and self._step is not None:
            self._step.store(run)
            self._run = None


class _Step:
    """The pass of one token after `count` others."""

    def __init__(self, model: Any, layers: int, length: int, offset: bool) -> None:
        self.length = length
        self.count = 0
        self._model = model
        self._cache: Any = Cache(layers=[StaticLayer(length) for _ in range(layers)])
        self._token = torch.zeros(1, 1, dtype=torch.long, device=model.device)
        self._offset = torch.zeros(1, 1, dtype=torch.long, device=model.device) if offset else None
        self._graph: torch.cuda.CUDAGraph | None = None
        with torch.inference_mode():
            if model.device.type != "cuda":
                self._forward()
                return
            # Outside the capture first: the cache and the libraries take their memory.
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(2):
                    self._forward()
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            # Other threads go on with work of their own meanwhile.
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                self._logits = self._forward()
            self._graph = graph

    def __call__(self, token: int) -> torch.Tensor:
        with torch.inference_mode():
            self._token.fill_(token)
            if self._graph is None:
                self._logits = self._forward()
            else:
                self._graph.replay()
        self.count += 1
        return self._logits

    def load(self, run: Run, count: int) -> None:
        self.count = count
        with torch.inference_mode():
            if self._offset is not None:
                known = [offset for offset in run.offsets if offset is not None]
                self._offset.copy_(known[0]) if known else self._offset.zero_()
            for mine, its in zip(self._cache.layers, run.cache.layers, strict=True):
                mine.cumulative_length.fill_(count)
                mine.keys[:, :, :count] = its.keys[:, :, :count]
                mine.values[:, :, :count] = its.values[:, :, :count]

    def store(self, run: Run) -> None:
        with torch.inference_mode():
            for mine, its in zip(self._cache.layers, run.cache.layers, strict=True):
                its.keys = mine.keys[:, :, : self.count].clone()
                its.values = mine.values[:, :, : self.count].clone()

    def _forward(self) -> torch.Tensor:
        where = {}
        if self._offset is not None:
            # Time, height and width: the same for text.
            where["position_ids"] = (self._offset + self._cache.get_seq_length()).expand(3, 1, 1)
        with _SplitKeys():
            outputs = self._model(input_ids=self._token, past_key_values=self._cache, use_cache=True, **where)
        logits: torch.Tensor = outputs.logits[0, -1]
        return logits


class _SplitKeys(TorchFunctionMode):  # type: ignore[misc]
    """Attention of a single token, spread over the device by parts of the keys, as in Flash-Decoding (Dao et al. 2023).

    The kernels that take a mask spread it by heads only, of which a few are too few; this is made of matrix products.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.nn.functional.scaled_dot_product_attention:
            return _attend(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, **options: Any) -> torch.Tensor:
    """`query` is [1, heads, queries, width], `key` and `value` are [1, heads, length, width]."""
    mask, scale = options.get("attn_mask"), options.get("scale")
    if mask is None or options.get("enable_gqa") or key.shape[2] % PART_TOKENS:
        attended: torch.Tensor = torch.nn.functional.scaled_dot_product_attention(query, key, value, **options)
        return attended
    scores = torch.matmul(query * (query.shape[-1] ** -0.5 if scale is None else scale), key.transpose(2, 3)).float()
    scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
    weights = scores.softmax(-1).to(value.dtype).unflatten(3, (-1, PART_TOKENS)).transpose(2, 3)
    parts = torch.matmul(weights, value.unflatten(2, (-1, PART_TOKENS)))
    return parts.sum(2, dtype=torch.float32).to(query.dtype)
