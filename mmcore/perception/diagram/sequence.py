"""Read a sequence diagram: lifelines below participants, messages between them in the order of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from mmcore.perception.diagram.shapes import Shape, off_page
from mmcore.perception.ink import Pixels
from mmcore.types import Edge, Line

# How much of the height below a participant its lifeline covers; dashed ones cover half.
LIFELINE = 0.45
FAINTEST_LIFELINE, FAINTEST_MESSAGE = 25, 50  # of 255, against the page
NEAR = 12  # pixels between the end of a message and its lifeline
ABOVE = 34  # pixels between the middle of a label and the message below it


@dataclass(frozen=True, slots=True)
class Lifelines:
    """`participants` and `mirrored` are places in the list of shapes; `x` and `top` are in pixels of the picture."""

    participants: tuple[int, ...]
    mirrored: tuple[int, ...]
    x: tuple[int, ...]
    top: int
    dark: NDArray[np.uint8]  # what is drawn between the participants and their repetition below


def find_lifelines(picture: Pixels, shapes: Sequence[Shape]) -> Lifelines | None:
    """None when there is no row of shapes with a vertical line below each."""
    top = min(shape.box[1] for shape in shapes)
    row = [index for index, shape in enumerate(shapes) if shape.box[1] - top <= 12 and shape.kind == "box"]
    row.sort(key=lambda index: shapes[index].box[0])
    if len(row) < 2:
        return None
    ceiling = max(shapes[index].box[3] for index in row) + 2
    mirrored = [
        index
        for index, shape in enumerate(shapes)
        if shape.box[1] > ceiling and any(_aligned(shape, shapes[other]) for other in row)
    ]
    floor = min((shapes[index].box[1] for index in mirrored), default=picture.shape[0])
    if floor - ceiling < 40:
        return None
    off = off_page(picture)[ceiling : floor - 2]
    lines = []
    for index in row:
        left = max(0, (shapes[index].box[0] + shapes[index].box[2]) // 2 - 3)
        covered = (off[:, left : left + 7] > FAINTEST_LIFELINE).mean(0)
        if not len(covered) or covered.max() < LIFELINE:
            return None
        lines.append(left + int(covered.argmax()))
    return Lifelines(tuple(row), tuple(mirrored), tuple(lines), ceiling, (off > FAINTEST_MESSAGE).astype(np.uint8))


def read_messages(lifelines: Lifelines, texts: Sequence[Line]) -> tuple[Edge, ...]:
    edges = []
    for y, source, target in _messages(lifelines.dark, lifelines.x):
        label = _label(y + lifelines.top, lifelines.x[source], lifelines.x[target], texts)
        edges.append(Edge(source, target, label))
    return tuple(edges)


def _aligned(shape: Shape, other: Shape) -> bool:
    return abs(shape.box[0] - other.box[0]) <= 4 and abs(shape.box[2] - other.box[2]) <= 4


def _messages(dark: NDArray[np.uint8], lines: Sequence[int]) -> list[tuple[int, int, int]]:
    """(y, source, target) of every horizontal line between lifelines, top to bottom."""
    gap = min(right - left for left, right in pairwise(lines))
    joined = cv2.morphologyEx(dark, cv2.MORPH_CLOSE, np.ones((1, 9), np.uint8))
    opened = cv2.morphologyEx(joined, cv2.MORPH_OPEN, np.ones((1, max(12, int(0.6 * gap))), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=8)
    found: list[tuple[int, int, int]] = []
    for left, top, width, height, _ in stats[1:count].tolist():
        tips = (left, left + width - 1)
        ends = [int(np.argmin([abs(line - tip) for line in lines])) for tip in tips]
        off_line = any(abs(lines[end] - tip) > NEAR for end, tip in zip(ends, tips, strict=True))
        if height > 6 or ends[0] == ends[1] or off_line:
            continue
        y = top + height // 2
        # The head is where there is more ink.
        weights = []
        for end, inwards in ((ends[0], 1), (ends[1], -1)):
            low, high = sorted((lines[end] + 2 * inwards, lines[end] + 13 * inwards))
            weights.append(int(dark[max(0, y - 6) : y + 7, max(0, low) : high].sum()))
        source, target = (ends[0], ends[1]) if weights[1] >= weights[0] else (ends[1], ends[0])
        found.append((y, source, target))
    return sorted(found)


def _label(y: int, first: int, second: int, texts: Sequence[Line]) -> str:
    """The text that stands over the line, in the middle of it."""
    middle = (first + second) / 2
    over = [
        text
        for text in texts
        if 0 <= y - (text.box[1] + text.box[3]) / 2 <= ABOVE and text.box[0] - 6 <= middle <= text.box[2] + 6
    ]
    return min(over, key=lambda text: y - text.box[3]).text if over else ""
