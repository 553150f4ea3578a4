"""Read monospaced text cell by cell with a small convolutional network that was trained for nothing else.

The network (`cells.onnx`, made by `bench/train_cells.py`) sees a row of text resampled so that every character cell
is `CELL` pixels wide, and says for each cell which character it holds. It knows ASCII and what terminals draw with;
everything else it calls `WIDE` (a character of two columns, e.g. Chinese) or `OTHER`: a general recogniser is asked.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

Ink = NDArray[np.float32]

CELL = 16
HEIGHT = 40
BASELINE = 28  # row of the strip on which letters stand
WIDE = "\ue000"
OTHER = "\ue001"
SYMBOLS = "│─┌┐└┘├┤┬┴┼╭╮╰╯═║╔╗╚╝╠╣╦╩╬━┃█▀▄▌▐░▒▓■□●○◆▶▼▲◀✓✔✗✘×❯➜→←↑↓•·…–—‘’“”°±÷≤≥≠≈λµ§©®™€£«»¬¶⚠★☆⏎⠋⠙⠹"
CHARACTERS = (*map(chr, range(32, 127)), *SYMBOLS, WIDE, OTHER)
# Ink below this share of full contrast is noise: it is not stretched to look like a character.
FAINTEST = 0.06


def strip(ink: Ink, left: float, baseline: float, pitch: float, cells: int) -> Ink:
    """The row of `cells` cells that begins at x = `left`, as (HEIGHT, cells * CELL), each cell's contrast stretched.

    `ink` is the distance from the background, 0..1, of the whole picture (height, width).
    """
    scale = pitch / CELL
    # Pixel centres are at half; warpAffine with the inverse map samples source = scale * target + offset.
    offset_x = left + 0.5 * scale - 0.5
    offset_y = baseline - (BASELINE - 0.5) * scale - 0.5
    matrix = np.array([[scale, 0, offset_x], [0, scale, offset_y]], np.float64)
    interpolation = cv2.INTER_AREA if scale > 1.5 else cv2.INTER_LINEAR
    if scale > 1.5:
        # Averaging before sampling: otherwise thin strokes of large text fall between the samples.
        ink, matrix = _shrunk(ink, matrix, scale)
        interpolation = cv2.INTER_LINEAR
    row = cv2.warpAffine(
        ink,
        matrix,
        (cells * CELL, HEIGHT),
        flags=interpolation | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    return stretch(row.astype(np.float32))


def stretch(row: Ink) -> Ink:
    """Every cell at full contrast, whatever its colour; empty cells stay empty."""
    cells = row.shape[1] // CELL
    peaks = row.reshape(HEIGHT, cells, CELL).max((0, 2))
    padded = np.pad(peaks, 1)
    neighbours = np.maximum(padded[:-2], padded[2:])
    scale = np.maximum(np.maximum(peaks, 0.4 * neighbours), FAINTEST)
    stretched: Ink = np.clip(row / np.repeat(scale, CELL)[None, :], 0, 1)
    return stretched


def _shrunk(ink: Ink, matrix: NDArray[np.float64], scale: float) -> tuple[Ink, NDArray[np.float64]]:
    height, width = ink.shape
    size = (max(1, round(width / scale)), max(1, round(height / scale)))
    factor_x, factor_y = width / size[0], height / size[1]
    shrunk = cv2.resize(ink, size, interpolation=cv2.INTER_AREA)
    moved = matrix.copy()
    moved[0] /= factor_x
    moved[1] /= factor_y
    moved[0, 2] = (matrix[0, 2] + 0.5) / factor_x - 0.5
    moved[1, 2] = (matrix[1, 2] + 0.5) / factor_y - 0.5
    return shrunk.astype(np.float32), moved


def classify(strips: list[Ink]) -> list[NDArray[np.float32]]:
    """For each strip the probabilities (cells, len(CHARACTERS))."""
    found: list[NDArray[np.float32]] = [np.zeros((0, len(CHARACTERS)), np.float32)] * len(strips)
    order = sorted(range(len(strips)), key=lambda index: strips[index].shape[1])
    for start in range(0, len(order), 8):
        batch = order[start : start + 8]
        widest = max(strips[index].shape[1] for index in batch)
        tensor = np.zeros((len(batch), 1, HEIGHT, widest), np.float32)
        for row, index in enumerate(batch):
            tensor[row, 0, :, : strips[index].shape[1]] = strips[index]
        probabilities = _network().run(None, {"ink": tensor})[0]
        for row, index in enumerate(batch):
            found[index] = probabilities[row, : strips[index].shape[1] // CELL]
    return found


@cache
def _network() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 4
    weights = resources.files("mmcore.perception").joinpath("cells.onnx").read_bytes()
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
