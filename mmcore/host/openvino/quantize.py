"""Weights as 8-bit integers with a scale an output, the form that OpenVINO's kernels multiply without unpacking."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Quantized:
    """A matrix of `rows` outputs and `columns` inputs: int8 `codes` (rows, columns), float16 `scales` (rows, 1)."""

    codes: NDArray[np.int8]
    scales: NDArray[np.float16]


def quantize(matrix: Floats) -> Quantized:
    """`matrix` is (outputs, inputs)."""
    scales = (np.abs(matrix).max(1, keepdims=True) / 127).astype(np.float16)
    # A row of zeros has the scale 0.
    codes = np.rint(matrix / np.where(scales == 0, np.float32(1), scales.astype(np.float32)))
    return Quantized(codes.clip(-127, 127).astype(np.int8), scales)
