"""Read text of any kind, wherever it stands: pages, dialogs, bars; no grid is assumed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from mmcore.perception import chart, dialog, form, kinds, ocr, photo
from mmcore.perception.ink import Pixels
from mmcore.perception.layout import lay_out
from mmcore.types import Line, Reading

Box = tuple[int, int, int, int]

# Text in bars and side panes, in pixels: less is a speck, more a picture.
LOWEST, HIGHEST = 7, 80
WIDEST_SPACE = 0.8
SMALLEST_GAP = 8  # pixels from a line to a mark that belongs to it


def read_page(picture: Pixels, mask: NDArray[np.uint8]) -> Reading:
    size = (picture.shape[1], picture.shape[0])
    widgets = form.find_widgets(picture)
    if widgets.boxes or widgets.checks:
        # Pieces of ink are not joined over the borders of widgets, as a text detector would.
        lines = read_strips(picture, _without_widgets(mask, widgets), [(0, 0, *size)])
        regions = form.describe_form(picture, lines, widgets)
        count = Counter(region.kind for region in regions)
        if chart.has_axis(lines):
            return _chart(lines, size)
        if count["check"] or any(region.kind == "field" and (region.text or region.value) for region in regions):
            return Reading("form", form.text_of(regions), tuple(lines), size, regions=regions)
        if count["button"]:
            regions = dialog.describe_dialog(regions)
            return Reading("dialog", form.text_of(regions), tuple(lines), size, regions=regions)
    pieces = read_boxes(picture, ocr.detect(picture))
    if chart.has_axis(pieces):
        return _chart(pieces, size)
    text, laid_out = lay_out(pieces)
    kind = "photo" if photo.is_photo(picture, [line.box for line in laid_out]) else kinds.guess(text)
    return Reading(kind, text, laid_out, size)


def _chart(pieces: Sequence[Line], size: tuple[int, int]) -> Reading:
    text, laid_out = lay_out(pieces)
    return Reading("chart", text, laid_out, size, regions=chart.describe(pieces))


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
        # Letters first become words, but nothing joins what is below it: lines of a message almost touch.
        joined = cv2.dilate(mask[top:bottom, left:right], np.ones((1, 5), np.uint8))
        count, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
        words = [(x + 2, y, x + width - 2, y + height) for x, y, width, height, _ in stats[1:count].tolist()]
        lines = join_words([word for word in words if word[3] - word[1] >= LOWEST])
        for x0, y0, x1, y1 in join_words(_with_marks(lines, [word for word in words if word[3] - word[1] < LOWEST])):
            if y1 - y0 <= HIGHEST and x1 - x0 >= 3:
                boxes.append((x0 + left, y0 + top, x1 + left, y1 + top))
    height, width = mask.shape
    rim = 3
    spread = [
        (max(0, x0 - rim), max(0, y0 - rim), min(width, x1 + rim), min(height, y1 + rim)) for x0, y0, x1, y1 in boxes
    ]
    return read_boxes(picture, spread)


def _with_marks(lines: Sequence[Box], marks: Sequence[Box]) -> list[Box]:
    """Lines with the dots, hyphens and quotation marks beside them; what stands alone is a speck."""
    grown = list(lines)
    for mark in sorted(marks):
        for index, line in enumerate(grown):
            inside = line[1] - 2 <= (mark[1] + mark[3]) / 2 <= line[3] + 2
            if inside and line[0] - mark[2] <= SMALLEST_GAP and mark[0] - line[2] <= SMALLEST_GAP:
                grown[index] = (min(line[0], mark[0]), line[1], max(line[2], mark[2]), line[3])
                break
    return grown


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
