"""Read a sequence diagram: lifelines below participants, messages between them in the order of time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import cv2
import numpy as np

from mmcore.perception.diagram.shapes import off_page
from mmcore.perception.ink import Pixels
from mmcore.types import Diagram, Edge, Line, Node

Box = tuple[int, int, int, int]

# How much of the height below a participant its lifeline covers; dashed ones cover half.
LIFELINE = 0.45
NEAR = 9  # pixels between the end of a message and its lifeline


def read_sequence(
    picture: Pixels, nodes: Sequence[Node], read: Callable[[Sequence[Box]], list[Line]], boxes: Sequence[Box]
) -> Diagram | None:
    """None when there are no lifelines. `read` reads the text in boxes; `boxes` are those outside of the nodes."""
    top = min(node.box[1] for node in nodes)
    participants = sorted((n for n in nodes if n.box[1] - top <= 12), key=lambda node: node.box[0])
    if len(participants) < 2:
        return None
    mirrored = [node.box[1] for node in nodes if node not in participants]
    floor = min(mirrored, default=picture.shape[0])
    ceiling = max(node.box[3] for node in participants) + 2
    off = off_page(picture)[ceiling : floor - 2]
    if off.shape[0] < 40:
        return None
    dark = (off > 50).astype(np.uint8)
    lifelines = []
    for node in participants:
        x = (node.box[0] + node.box[2]) // 2
        columns = dark[:, max(0, x - 3) : x + 4]
        if columns.size == 0 or columns.mean(0).max() < LIFELINE:
            return None
        lifelines.append(max(0, x - 3) + int(columns.mean(0).argmax()))
    messages = _messages(dark, lifelines)
    texts = read(boxes) if messages else []
    edges = []
    for y, source, target in messages:
        edges.append(Edge(source, target, _label(y + ceiling, lifelines[source], lifelines[target], texts)))
    if not edges:
        return None
    named = [Node(node.text, "participant", node.box) for node in participants]
    return Diagram("sequence", tuple(named), tuple(edges))


def _messages(
    dark: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], lifelines: list[int]
) -> list[tuple[int, int, int]]:
    """(y, source, target) of every horizontal line between lifelines, top to bottom."""
    gap = min(right - left for left, right in pairwise(lifelines))
    # Dashes are joined; the lifelines themselves are taken away.
    joined = cv2.morphologyEx(dark, cv2.MORPH_CLOSE, np.ones((1, 9), np.uint8))
    opened = cv2.morphologyEx(joined, cv2.MORPH_OPEN, np.ones((1, max(12, int(0.45 * gap))), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=8)
    found: list[tuple[int, int, int]] = []
    for left, top, width, height, _ in stats[1:count].tolist():
        if height > 6:
            continue
        ends = [int(np.argmin([abs(line - x) for line in lifelines])) for x in (left, left + width - 1)]
        if ends[0] == ends[1] or any(
            abs(lifelines[end] - x) > NEAR + 8 for end, x in zip(ends, (left, left + width - 1), strict=True)
        ):
            continue
        y = top + height // 2
        weights = []
        for end, inwards in ((ends[0], 1), (ends[1], -1)):
            x = lifelines[end]
            low, high = sorted((x + 2 * inwards, x + 13 * inwards))
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
        if 0 <= y - (text.box[1] + text.box[3]) / 2 <= 34 and text.box[0] - 6 <= middle <= text.box[2] + 6
    ]
    return min(over, key=lambda text: y - text.box[3]).text if over else ""
