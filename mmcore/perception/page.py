"""Read text of any kind, wherever it stands: pages, dialogs, bars; no grid is assumed."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from mmcore.perception import form, kinds, ocr
from mmcore.perception.ink import Pixels
from mmcore.perception.layout import lay_out
from mmcore.types import Line, Reading

Box = tuple[int, int, int, int]

# Text in bars and side panes, in pixels: less is a speck, more a picture.
LOWEST, HIGHEST = 7, 80
WIDEST_SPACE = 0.8
# Fewer boxes are found in any picture.
FEWEST_WIDGETS = 2


def read_page(picture: Pixels, mask: NDArray[np.uint8]) -> Reading:
    size = (picture.shape[1], picture.shape[0])
    widgets = form.find_widgets(picture)
    if len(widgets.boxes) + len(widgets.checks) >= FEWEST_WIDGETS:
        # Pieces of ink are not joined over the borders of widgets, as a text detector would.
        lines = read_strips(picture, _without_widgets(mask, widgets), [(0, 0, *size)])
        regions = form.describe_form(picture, lines, widgets)
        kinds_found = {region.kind for region in regions}
        if kinds_found & {"field", "check", "button"}:
            kind = "form" if kinds_found & {"field", "check"} else "dialog"
            return Reading(kind, form.text_of(regions), tuple(lines), size, regions=regions)
    text, laid_out = lay_out(read_boxes(picture, ocr.detect(picture)))
    return Reading(kinds.guess(text), text, laid_out, size)


def _without_widgets(mask: NDArray[np.uint8], widgets: form.Widgets) -> NDArray[np.uint8]:
    """Only writing: no borders of fields and buttons, no check boxes."""
    kept = mask.copy()
    for left, top, right, bottom in widgets.boxes:
        cv2.rectangle(kept, (left, top), (right - 1, bottom - 1), 0, 7)
    for (left, top, right, bottom), _ in widgets.checks:
        kept[max(0, top - 2) : bottom + 2, max(0, left - 2) : right + 2] = 0
    return kept


def read_boxes(picture: Pixels, boxes: Sequence[Box]) -> list[Line]:
    found = ocr.recognise([picture[top:bottom, left:right] for left, top, right, bottom in boxes])
    pieces = []
    for box, glyphs in zip(boxes, found, strict=True):
        text = "".join(glyph.text for glyph in glyphs).strip()
        if text:
            pieces.append(Line(text, box, round(sum(glyph.score for glyph in glyphs) / len(glyphs), 4)))
    return pieces


def read_strips(picture: Pixels, mask: NDArray[np.uint8], areas: Sequence[Box]) -> list[Line]:
    """The text in bars, side panes and forms: pieces of ink that stand close beside each other are a line."""
    boxes: list[Box] = []
    for left, top, right, bottom in areas:
        # Letters first become words; accents and the dots of i join their letters.
        joined = cv2.dilate(mask[top:bottom, left:right], np.ones((5, 5), np.uint8))
        count, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
        words = [(x + 2, y + 2, x + width - 2, y + height - 2) for x, y, width, height, _ in stats[1:count].tolist()]
        for x0, y0, x1, y1 in join_words(words):
            if LOWEST <= y1 - y0 <= HIGHEST and x1 - x0 >= 3:
                boxes.append((x0 + left, y0 + top, x1 + left, y1 + top))
    height, width = mask.shape
    rim = 3
    spread = [
        (max(0, x0 - rim), max(0, y0 - rim), min(width, x1 + rim), min(height, y1 + rim)) for x0, y0, x1, y1 in boxes
    ]
    return read_boxes(picture, spread)


def join_words(words: Sequence[Box]) -> list[Box]:
    """Words on one line whose gap is a space: less than WIDEST_SPACE of the line's height."""
    lines: list[Box] = []
    for word in sorted(words):
        for index in range(len(lines) - 1, -1, -1):
            line = lines[index]
            shared = min(line[3], word[3]) - max(line[1], word[1])
            lower, higher = sorted((line[3] - line[1], word[3] - word[1]))
            if shared > 0.4 * lower and word[0] - line[2] <= WIDEST_SPACE * max(higher, LOWEST):
                lines[index] = (line[0], min(line[1], word[1]), max(line[2], word[2]), max(line[3], word[3]))
                break
        else:
            lines.append(word)
    return lines
