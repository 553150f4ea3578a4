"""Read monospaced text cell by cell, with a small network that was trained for nothing else.

The network (`cells.onnx`, made by `training/cells.py`) sees every character cell with its rims, and the two cells on
either side. It knows ASCII and what terminals draw with; everything else it calls WIDE (of two columns, as Chinese is)
or OTHER: there the general recogniser is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

Ink = NDArray[np.float32]

CELL, RIM, HEIGHT = 12, 4, 32  # pixels of a cell, of what is seen of its neighbours, of a row
BASELINE = 23  # pixel row on which letters stand
WIDE, OTHER = "\ue000", "\ue001"
SYMBOLS = "│─┌┐└┘├┤┬┴┼╭╮╰╯═║╔╗╚╝╠╣╦╩╬━┃█▀▄▌▐░▒▓■□●○◆▶▼▲◀✓✔✗✘×❯➜→←↑↓•·…–—‘’“”°±÷≤≥≠≈λµ§©®™€£«»¬¶⚠★☆⏎⠋⠙⠹›‹▸▾⎯⨯╵╷⇒∞ℹ◇"
CHARACTERS = (*map(chr, range(32, 127)), *SYMBOLS, WIDE, OTHER)
# Ink below this share of full contrast is noise: it is not stretched to look like a character.
FAINTEST = 0.06
THREADS = 2
MOST_AT_ONCE = 1024  # cells, of which each takes about 100 kB on its way through the network


def strip(ink: Ink, left: float, baseline: float, pitch: float, count: int) -> Ink:
    """The row of `count` cells that begins at x = `left`: (count, HEIGHT, RIM + CELL + RIM), contrast stretched.

    `ink` is the distance from the background, 0..1, of the whole picture (height, width).
    """
    scale = pitch / CELL
    # Pixel centres are at half; the inverse map samples source = scale * target + offset.
    offset_x = left - RIM * scale + 0.5 * scale - 0.5
    offset_y = baseline - (BASELINE - 0.5) * scale - 0.5
    top, bottom = max(0, int(offset_y) - 2), min(ink.shape[0], int(offset_y + HEIGHT * scale) + 3)
    part: Ink = ink[top:bottom]
    if not part.size:
        return np.zeros((count, HEIGHT, CELL + 2 * RIM), np.float32)
    offset_y -= top
    if scale > 1.5:
        # Averaged before it is sampled: thin strokes of large text would fall between the samples.
        part = cv2.blur(part, (round(scale), round(scale))).astype(np.float32)
    matrix = np.array([[scale, 0, offset_x], [0, scale, offset_y]])
    size = (count * CELL + 2 * RIM, HEIGHT)
    row = cv2.warpAffine(part, matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    cells = np.lib.stride_tricks.sliding_window_view(row, CELL + 2 * RIM, 1)[:, ::CELL].transpose(1, 0, 2)
    # Every cell at full contrast, whatever its colour; empty ones stay empty.
    peaks = np.maximum(row.max(0)[RIM:-RIM].reshape(count, CELL).max(1), FAINTEST)
    stretched: Ink = np.minimum(cells / peaks[:, None, None], 1).astype(np.float32)
    return stretched


def classify(rows: Sequence[Ink], written: Sequence[Sequence[bool]]) -> list[NDArray[np.float32]]:
    """For each row, as `strip` makes them, the probabilities (cells, len(CHARACTERS)); unwritten cells are spaces."""
    widest = max((len(row) for row in rows), default=0)
    if not widest:
        return [np.zeros((0, len(CHARACTERS)), np.float32) for _ in rows]
    found = []
    start = 0
    while start < len(rows):
        stop, cells = start, 0
        while stop < len(rows) and (stop == start or cells + sum(written[stop]) <= MOST_AT_ONCE):
            cells += sum(written[stop])
            stop += 1
        seen = [np.zeros((1, HEIGHT, CELL + 2 * RIM), np.float32)]
        places = np.zeros((stop - start, widest), np.int64)
        count = 1
        for number in range(start, stop):
            marks = np.flatnonzero(written[number])
            places[number - start, marks] = np.arange(count, count + len(marks))
            seen.append(rows[number][marks])
            count += len(marks)
        inputs = {"cells": np.concatenate(seen)[:, None], "places": places}
        probabilities = _network().run(None, inputs)[0]
        found += [probabilities[number - start, : len(rows[number])] for number in range(start, stop)]
        start = stop
    return found


@cache
def _network() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.log_severity_level = 4
    weights = resources.files("mmcore.perception").joinpath("cells.onnx").read_bytes()
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
