"""Weights as small integers with scales, in the forms that OpenVINO's kernels multiply without unpacking."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# Inputs that share a scale in 4 bits: with fewer, the kernels are as slow as with 8 bits.
GROUP = 128


@dataclass(frozen=True, slots=True)
class Quantized:
    """A matrix of `rows` outputs and `columns` inputs.

    In 8 bits: int8 `codes` (rows, columns), float16 `scales` (rows, 1). In 4 bits: uint8 `codes` (rows, columns / 2),
    the first of each two signed codes in the low half, float16 `scales` (rows, groups, 1).
    """

    codes: NDArray[np.int8] | NDArray[np.uint8]
    scales: NDArray[np.float16]


def quantize(matrix: Floats) -> Quantized:
    """In 8 bits; `matrix` is (outputs, inputs)."""
    codes, scales = _rounded(matrix, 127)
    return Quantized(codes, scales)


def quantize_coarsely(matrix: Floats) -> Quantized:
    """In 4 bits, in groups of GROUP inputs, or of as many as divide both; an even number of inputs."""
    rows, columns = matrix.shape
    codes, scales = _rounded(matrix.reshape(rows, -1, math.gcd(columns, GROUP)), 7)
    halves = codes.reshape(rows, -1).view(np.uint8)
    return Quantized(halves[:, 0::2] & 15 | halves[:, 1::2] << 4, scales)


def _rounded(values: Floats, most: int) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """Codes from -`most` to `most`, with a scale for the last axis."""
    scales = (np.abs(values).max(-1, keepdims=True) / most).astype(np.float16)
    # Zeros alone have the scale 0.
    codes = np.rint(values / np.where(scales == 0, np.float32(1), scales.astype(np.float32)))
    return codes.clip(-most, most).astype(np.int8), scales
