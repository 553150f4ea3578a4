"""Weights as small integers with a scale a group, in the forms that OpenVINO's kernels multiply without unpacking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Form:
    """`bits` is 8 (symmetric) or 4 (with a zero point); `group` inputs share a scale, 0: all of an output's."""

    bits: Literal[8, 4]
    group: int = 0


@dataclass(frozen=True, slots=True)
class Quantized:
    """A matrix of `rows` outputs and `columns` inputs.

    `codes` is int8 of shape (rows, groups, group), or for 4 bits uint8 (rows, columns / 2), the even column in the low
    half. `scales` is float16 of shape (rows, groups, 1). `zeros` (4 bits only) packs as `codes` does: (rows,
    groups / 2), of an even number of groups.
    """

    codes: NDArray[np.int8] | NDArray[np.uint8]
    scales: NDArray[np.float16]
    zeros: NDArray[np.uint8] | None = None


def quantize(matrix: Floats, form: Form) -> Quantized:
    """`matrix` is (outputs, inputs); the group must divide the inputs."""
    rows, columns = matrix.shape
    groups = matrix.reshape(rows, -1, form.group or columns)
    return _to_int8(groups) if form.bits == 8 else _to_uint4(groups)


def _to_int8(groups: Floats) -> Quantized:
    scales = (np.abs(groups).max(2, keepdims=True) / 127).astype(np.float16)
    codes = np.rint(groups / _divisor(scales))
    return Quantized(codes.clip(-127, 127).astype(np.int8), scales)


def _to_uint4(groups: Floats) -> Quantized:
    """The range that loses least: a slightly clipped one is often better than the whole (six are tried)."""
    low, high = np.minimum(groups.min(2, keepdims=True), 0), np.maximum(groups.max(2, keepdims=True), 0)
    scales = zeros = np.zeros_like(low)
    least = np.full_like(low, np.inf)
    for share in np.linspace(1.0, 0.75, 6, dtype=np.float32):
        scale = ((high - low) * (share / 15)).astype(np.float16).astype(np.float32)
        zero = np.clip(np.rint(-low * share / _divisor(scale)), 0, 15)
        codes = np.clip(np.rint(groups / _divisor(scale)) + zero, 0, 15)
        error = np.square((codes - zero) * scale - groups).sum(2, keepdims=True)
        better = error < least
        least, scales, zeros = (
            np.where(better, new, old) for new, old in ((error, least), (scale, scales), (zero, zeros))
        )
    codes = np.clip(np.rint(groups / _divisor(scales)) + zeros, 0, 15)
    rows = len(groups)
    return Quantized(_pack(codes, rows), scales.astype(np.float16), _pack(zeros, rows))


def _divisor(scales: NDArray[np.float16] | Floats) -> Floats:
    """A group of zeros has the scale 0."""
    return np.where(scales == 0, np.float32(1), scales.astype(np.float32))


def _pack(codes: Floats, rows: int) -> NDArray[np.uint8]:
    flat = codes.astype(np.uint8).reshape(rows, -1)
    return np.bitwise_or(flat[:, 0::2], np.left_shift(flat[:, 1::2], 4), dtype=np.uint8)
