"""Cut a screenshot where its surfaces end: title bars, tabs, status bars, panes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from mmcore.perception.ink import Pixels

Box = tuple[int, int, int, int]

# Surfaces whose colours differ by less, of 255, in every channel are one: themes shade active tabs by 8 and more.
SAME_SURFACE = 3
# A bar is at least this high; less is a rule or a shadow. In pixels.
THINNEST_BAR = 10
# What is higher is no highlighted line but a surface of its own.
HIGHEST_HIGHLIGHT = 46
# Of 255; what differs more from the lines around it is a bar, with no more than so many lines below.
STRONGEST_HIGHLIGHT, LAST_LINES = 95, 2.6


# A pane is at least this wide, in pixels and as a share of what it is a part of.
NARROWEST_PANE, NARROWEST_SHARE = 150, 0.18
THICKEST_RULE = 6  # pixels, between panes


@dataclass(frozen=True, slots=True)
class Screen:
    """`panes` are where the text is, left to right; `bars` are above, below and between."""

    panes: tuple[Box, ...]
    bars: tuple[Box, ...]


def split(background: Pixels, mask: NDArray[np.uint8]) -> Screen:
    height, width = mask.shape
    written = mask.max(1) > 0
    bands = _runs(_typical(background, 1), written)
    main = max(range(len(bands)), key=lambda index: (written[slice(*bands[index])].sum(), -index))
    top, bottom = bands[main]
    bars = [(0, start, width, stop) for index, (start, stop) in enumerate(bands) if index != main]
    columns = _runs(_typical(background[top:bottom], 0), mask[top:bottom].max(0) > 0)
    columns = [piece for column in columns for piece in _at_rules(mask[top:bottom], column)]
    panes = tuple((left, top, right, bottom) for left, right in columns if mask[top:bottom, left:right].any())
    return Screen(panes or ((0, 0, width, height),), tuple(bar for bar in bars if bar[3] - bar[1] >= THINNEST_BAR))


def _typical(background: Pixels, axis: int) -> NDArray[np.int16]:
    """The median colour of every row (axis 1) or column (axis 0)."""
    step = max(1, background.shape[axis] // 400)
    sampled = background[:, ::step] if axis == 1 else background[::step]
    typical: NDArray[np.int16] = np.median(sampled, axis).astype(np.int16)
    return typical


def _runs(colours: NDArray[np.int16], written: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Stretches of one colour; a highlighted line between two stretches of the same colour does not part them."""
    changes = np.flatnonzero(np.abs(np.diff(colours, axis=0)).max(1) > SAME_SURFACE) + 1
    edges = [0, *changes.tolist(), len(colours)]
    runs: list[tuple[int, int]] = []
    for start, stop in pairwise(edges):
        if stop - start >= 4:
            runs.append((start, stop))
    merged: list[tuple[int, int]] = []
    for start, stop in runs:
        for index in range(len(merged) - 1, -1, -1):
            before = merged[index]
            between = start - before[1]
            same = np.abs(colours[(before[0] + before[1]) // 2] - colours[(start + stop) // 2]).max() <= SAME_SURFACE
            middle = colours[before[1] + between // 2]
            strong = np.abs(middle - colours[(start + stop) // 2]).max() > STRONGEST_HIGHLIGHT
            # Editors in terminals have a bar above the line in which they talk.
            is_bar = strong and not written[start + round(LAST_LINES * between) : stop].any()
            if same and between <= HIGHEST_HIGHLIGHT and not is_bar:
                merged[index:] = [(before[0], stop)]
                break
        else:
            merged.append((start, stop))
    return merged or [(0, len(colours))]


def _at_rules(mask: NDArray[np.uint8], column: tuple[int, int]) -> list[tuple[int, int]]:
    """A column cut at vertical lines that run through most of it: splits of editors and of terminal multiplexers.

    Lines that editors draw behind indented code run through as much: but what is left of those is narrow.
    """
    left, right = column
    height = mask.shape[0]
    opened = cv2.morphologyEx(mask[:, left:right], cv2.MORPH_OPEN, np.ones((max(30, height // 6), 1), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats((opened.sum(0) > 0.6 * height).astype(np.uint8)[None])
    least = max(NARROWEST_PANE, NARROWEST_SHARE * (right - left))
    pieces, start = [], left
    for x, _, width, *_ in sorted(stats[1:count].tolist()):
        if width <= THICKEST_RULE and left + x - start > least and right - left - x > least:
            pieces.append((start, left + x))
            start = left + x + width
    pieces.append((start, right))
    return pieces
