"""The compiled decoder and its pages of keys and values: one step computes some tokens of some sequences."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.host.openvino.architecture import Architecture
from mmcore.host.openvino.graph import PAGE, Weights, build
from mmcore.host.openvino.runtime import ov

# Activations that share a scale: enough for the integer kernels to be at 90 % of their best, few enough that the
# outliers of one channel do not cost the others their precision.
ACTIVATION_GROUP = 128


@dataclass(frozen=True, slots=True)
class Piece:
    """Compute `tokens`, which follow `past` tokens in `pages`, and give the logits after the last `wanted` of them.

    The pages must have room for all of the tokens.
    """

    tokens: Sequence[int]
    past: int
    pages: Sequence[int]
    wanted: int


class Decoder:
    """Loads while it is constructed. Used by one thread."""

    def __init__(self, shape: Architecture, weights: Weights, threads: int, cache_bytes: int, tokens: int) -> None:
        """Pages for `cache_bytes`, but at least for `tokens`."""
        # The graph's constants are views of them.
        self._weights = weights
        core = ov.Core()
        precision, dtype = _precision(core)
        options = {
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": str(ACTIVATION_GROUP),
            "INFERENCE_PRECISION_HINT": precision.get_type_name(),
            "KV_CACHE_PRECISION": precision.get_type_name(),
            "INFERENCE_NUM_THREADS": str(threads or os.cpu_count() or 1),
            "NUM_STREAMS": "1",
            # A thread that is bound to a core waits there for whatever else an editor's machine runs on it.
            "ENABLE_CPU_PINNING": "NO",
        }
        self._request = core.compile_model(build(shape, weights), "CPU", options).create_infer_request()
        self.page_bytes = shape.layers * 2 * shape.kv_heads * shape.head_size * PAGE * precision.size
        self.pages = max(cache_bytes // self.page_bytes, -(-tokens // PAGE))
        # All layers in one block of zeros that the system gives only when they are touched.
        size = (shape.layers, 2, self.pages, shape.kv_heads, PAGE, shape.head_size)
        self._cache = np.zeros(size, dtype)
        for layer in range(shape.layers):
            for kind, name in enumerate(("keys", "values")):
                part = self._cache[layer, kind]
                self._request.set_tensor(f"{name}.{layer}", ov.Tensor(part, list(part.shape), precision))

        self._warm()

    def _warm(self) -> None:
        """Weights are packed, and kernels chosen, by the first steps of a kind: one token, and many."""
        for tokens in (1, 2 * PAGE):
            self.step([Piece([0] * tokens, 0, range(-(-tokens // PAGE)), 1)])
        self._weights.drop()

    def slowdown(self, rows: int) -> float:
        """How many times as long as a step of one row a step of `rows` rows takes. Overwrites the first page."""
        seconds: dict[int, list[float]] = {rows: [], 1: []}
        # Twice, by turns: the first time kernels are chosen, and the machine may have something else to do.
        for count in 2 * list(seconds):
            began = time.perf_counter()
            self.step([Piece([0] * count, 0, [0], count)])
            seconds[count].append(time.perf_counter() - began)
        self._weights.drop()
        return min(seconds[rows]) / min(seconds[1])

    def copy_page(self, source: int, target: int) -> None:
        self._cache[:, :, target] = self._cache[:, :, source]

    def step(self, pieces: Sequence[Piece]) -> NDArray[np.float32]:
        """Logits, a row for each wanted token in the order of the pieces; valid until the next step."""
        lengths = [len(piece.tokens) for piece in pieces]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        pages = [piece.pages[: -(-(piece.past + len(piece.tokens)) // PAGE)] for piece in pieces]
        inputs = {
            "tokens": np.concatenate([np.asarray(piece.tokens, np.int64) for piece in pieces]),
            "positions": np.concatenate(
                [np.arange(p.past, p.past + n, dtype=np.int64) for p, n in zip(pieces, lengths, strict=True)]
            ),
            "wanted": _integers([i for e, p in zip(starts[1:], pieces, strict=True) for i in range(e - p.wanted, e)]),
            "past_lengths": _integers([piece.past for piece in pieces]),
            "starts": _integers(starts),
            "pages": _integers([page for some in pages for page in some]),
            "page_starts": _integers(np.concatenate([[0], np.cumsum([len(some) for some in pages])])),
            "longest": _integers(max(p.past + n for p, n in zip(pieces, lengths, strict=True))),
        }
        for name, value in inputs.items():
            self._request.set_tensor(name, ov.Tensor(value))
        self._request.infer()
        logits: NDArray[np.float32] = self._request.get_output_tensor(0).data
        return logits


def _precision(core: ov.Core) -> tuple[ov.Type, type[np.generic]]:
    """The smallest in which this processor computes attention, and numpy's type of that size."""
    if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        # numpy has no bfloat16: its bits are moved as those of an integer.
        return ov.Type.bf16, np.uint16
    return ov.Type.f32, np.float32


def _integers(values: Any) -> NDArray[np.int32]:
    return np.asarray(values, np.int32)
