"""Small integers stand for the numbers that they were made of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from mmcore.host.openvino.quantize import Floats, Quantized, quantize, quantize_coarsely

Form = Callable[[Floats], Quantized]

MATRIX = np.random.default_rng(0).standard_normal((48, 256)).astype(np.float32)


def restored(matrix: Quantized) -> NDArray[np.float32]:
    scales = matrix.scales.astype(np.float32)
    if matrix.codes.dtype == np.int8:
        return matrix.codes * scales
    low, high = (matrix.codes << 4).view(np.int8) >> 4, matrix.codes.view(np.int8) >> 4
    codes = np.stack([low, high], -1).reshape(*scales.shape[:2], -1)
    return (codes * scales).reshape(len(codes), -1)


@pytest.mark.parametrize(("form", "share"), [(quantize, 0.01), (quantize_coarsely, 0.15)])
def test_little_is_lost(form: Form, share: float) -> None:
    lost = restored(form(MATRIX)) - MATRIX
    assert np.linalg.norm(lost) < share * np.linalg.norm(MATRIX)


@pytest.mark.parametrize("form", [quantize, quantize_coarsely])
def test_zeros_stay_zeros(form: Form) -> None:
    assert not restored(form(np.zeros((4, 128), np.float32))).any()


def test_groups_divide_the_inputs() -> None:
    """As in the 0.5B, whose 896 inputs make seven groups, and where there are fewer than a group has."""
    assert [quantize_coarsely(np.ones((2, n), np.float32)).scales.shape[1] for n in (896, 96, 32)] == [7, 3, 1]
