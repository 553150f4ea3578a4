"""Read text of any kind, wherever it stands: pages, dialogs, bars; no grid is assumed."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from mmcore.perception import kinds, ocr
from mmcore.perception.ink import Pixels
from mmcore.perception.layout import lay_out
from mmcore.types import Line, Reading

Box = tuple[int, int, int, int]

# Text in bars and side panes, in pixels: less is a speck, more a picture.
LOWEST, HIGHEST = 7, 80


def read_page(picture: Pixels) -> Reading:
    boxes = ocr.detect(picture)
    text, lines = lay_out(read_boxes(picture, boxes))
    return Reading(kinds.guess(text), text, lines, (picture.shape[1], picture.shape[0]))


def read_boxes(picture: Pixels, boxes: Sequence[Box]) -> list[Line]:
    found = ocr.recognise([picture[top:bottom, left:right] for left, top, right, bottom in boxes])
    pieces = []
    for box, glyphs in zip(boxes, found, strict=True):
        text = "".join(glyph.text for glyph in glyphs).strip()
        if text:
            pieces.append(Line(text, box, round(sum(glyph.score for glyph in glyphs) / len(glyphs), 4)))
    return pieces


def read_strips(picture: Pixels, mask: NDArray[np.uint8], areas: Sequence[Box]) -> list[Line]:
    """The text in bars and side panes: pieces of ink that stand close beside each other are a line."""
    boxes = []
    for left, top, right, bottom in areas:
        part = mask[top:bottom, left:right]
        # Wider than the space between words, narrower than that between entries of a status bar.
        joined = cv2.dilate(part, np.ones((3, 11), np.uint8))
        count, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
        for x, y, width, height, area in stats[1:count].tolist():
            if LOWEST <= height <= HIGHEST and area >= 30:
                boxes.append((x + left - 2, y + top - 2, x + left + width + 2, y + top + height + 2))
    height, width = mask.shape
    return read_boxes(picture, [(max(0, x0), max(0, y0), min(width, x1), min(height, y1)) for x0, y0, x1, y1 in boxes])
