"""Small integers stand for the numbers that they were made of."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mmcore.host.openvino.quantize import Form, Quantized, quantize

MATRIX = np.random.default_rng(0).standard_normal((48, 256)).astype(np.float32)


def restored(matrix: Quantized) -> NDArray[np.float32]:
    if matrix.zeros is None:
        return (matrix.codes * matrix.scales.astype(np.float32)).reshape(len(matrix.codes), -1)
    codes, zeros = (
        np.stack([packed & 15, packed >> 4], -1).reshape(len(packed), -1) for packed in (matrix.codes, matrix.zeros)
    )
    groups = codes.reshape(*matrix.scales.shape[:2], -1) - zeros[..., None].astype(np.float32)
    return (groups * matrix.scales).reshape(len(matrix.codes), -1)


@pytest.mark.parametrize(("form", "error"), [(Form(8), 0.01), (Form(8, 128), 0.008), (Form(4, 64), 0.1)])
def test_little_is_lost(form: Form, error: float) -> None:
    lost = restored(quantize(MATRIX, form)) - MATRIX
    assert np.linalg.norm(lost) < error * np.linalg.norm(MATRIX)


@pytest.mark.parametrize("form", [Form(8), Form(4, 64)])
def test_zeros_stay_zeros(form: Form) -> None:
    assert not restored(quantize(np.zeros((4, 128), np.float32), form)).any()
