"""Small integers stand for the numbers that they were made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmcore.host.openvino.quantize import Quantized, quantize

MATRIX = np.random.default_rng(0).standard_normal((48, 256)).astype(np.float32)


def restored(matrix: Quantized) -> NDArray[np.float32]:
    return matrix.codes * matrix.scales.astype(np.float32)


def test_little_is_lost() -> None:
    lost = restored(quantize(MATRIX)) - MATRIX
    assert np.linalg.norm(lost) < 0.01 * np.linalg.norm(MATRIX)


def test_zeros_stay_zeros() -> None:
    assert not restored(quantize(np.zeros((4, 128), np.float32))).any()
