"""Find the widgets of a form or dialog: fields with their labels, check boxes, buttons, headings, error messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

from mmcore.perception.ink import Pixels
from mmcore.types import Line, Region

Box = tuple[int, int, int, int]

# An edge of a widget: themes draw borders fainter than text, but not below this difference of 255.
EDGE = 12
# Sizes in pixels, of screens at 1x to 2x.
CHECK = (12, 34)
WIDGET_HEIGHT = (17, 110)
# Share of a check box that its tick covers; an empty one has its border and nothing else.
TICKED = 0.12


@dataclass(frozen=True, slots=True)
class Widgets:
    boxes: tuple[Box, ...]  # fields and buttons: what they are shows when their text is known
    checks: tuple[tuple[Box, bool], ...]


def find_widgets(picture: Pixels) -> Widgets:
    kernel = np.ones((3, 3), np.uint8)
    contrast = (cv2.dilate(picture, kernel) - cv2.erode(picture, kernel)).max(2)
    edges = (contrast > EDGE).astype(np.uint8)
    contours, _ = cv2.findContours(edges, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    boxes: list[Box] = []
    checks: list[tuple[Box, bool]] = []
    for contour in sorted(contours, key=cv2.contourArea, reverse=True):
        left, top, width, height = cv2.boundingRect(contour)
        box = (left, top, left + width, top + height)
        square = abs(width - height) <= 0.15 * max(width, height)
        filled = cv2.contourArea(contour) / max(1, (width - 1) * (height - 1))
        if square and CHECK[0] <= width <= CHECK[1] and filled > 0.7:
            is_box = filled > 0.88
            found = _is_frame(edges, box, is_box) and _stands_apart(edges, box, 3 if is_box else 5)
            if found and not any(_overlap(box, other) > 0.1 for other, _ in checks):
                checks.append((box, _covered(picture, box) > TICKED))
        elif (
            WIDGET_HEIGHT[0] <= height <= WIDGET_HEIGHT[1]
            and width > 1.3 * height
            and filled > 0.88
            and not any(_overlap(box, other) > 0.6 for other in boxes)
        ):
            boxes.append(box)
    boxes = [box for box in boxes if not any(box != other and _inside(box, other) for other in boxes)]
    checks = [entry for entry in checks if not any(_inside(entry[0], box) for box in boxes)]
    return Widgets(tuple(sorted(boxes, key=_order)), tuple(sorted(checks, key=lambda entry: _order(entry[0]))))


def describe_form(picture: Pixels, lines: Sequence[Line], widgets: Widgets) -> tuple[Region, ...]:
    """Every text with its part in the form, top to bottom. `lines` are the texts, none spanning two widgets."""
    typical = median(_size(line) for line in lines) if lines else 0.0
    regions: list[Region] = []
    labels: dict[int, Line] = {}
    used: set[int] = set()
    for box, ticked in widgets.checks:
        label = _right_of(box, lines)
        if label is not None:
            used.add(id(label))
            regions.append(Region("check", label.text, _union(box, label.box), value="on" if ticked else "off"))
    fields = []
    for box in widgets.boxes:
        inside = [line for line in lines if _inside(line.box, box) and id(line) not in used]
        used.update(id(line) for line in inside)
        text = " ".join(line.text for line in inside)
        if inside and _is_red(picture, inside[0].box):
            regions.append(Region("error", text, box))
        elif inside and _is_button(box, inside):
            regions.append(Region("button", text, box))
        else:
            fields.append((box, text))
    for index, (box, _) in enumerate(fields):
        label = _label_of(box, [line for line in lines if id(line) not in used])
        if label is not None:
            used.add(id(label))
            labels[index] = label
    for index, (box, text) in enumerate(fields):
        label = labels.get(index)
        where = _union(box, label.box) if label else box
        regions.append(Region("field", label.text if label else "", where, value=text))
    for line in lines:
        if id(line) in used:
            continue
        large = _size(line) > 1.2 * typical
        kind = "error" if _is_red(picture, line.box) else "heading" if large else "text"
        regions.append(Region(kind, line.text, line.box))
    return tuple(sorted(regions, key=lambda region: _order(region.box)))


def text_of(regions: Sequence[Region]) -> str:
    """The form as lines of text: `Label: value`, `[x] label`, `[ Button ]`."""
    rows: list[str] = []
    last: Region | None = None
    for region in regions:
        if region.kind == "field":
            text = f"{region.text}: {region.value}".strip()
        elif region.kind == "check":
            text = f"[{'x' if region.value == 'on' else ' '}] {region.text}"
        elif region.kind == "button":
            text = f"[ {region.text} ]"
        else:
            text = region.text
        beside = last is not None and region.kind == last.kind == "button" and abs(region.box[1] - last.box[1]) < 8
        if beside:
            rows[-1] += "  " + text
        else:
            rows.append(text)
        last = region
    return "\n".join(rows)


def _size(line: Line) -> float:
    """Grows with the font: the height depends on whether a letter goes below the line, the width does not."""
    return (line.box[2] - line.box[0]) / max(3, len(line.text))


def _order(box: Box) -> tuple[int, int]:
    # Buttons in a row differ by a pixel or two.
    return round((box[1] + box[3]) / 2 / 12), box[0]


def _is_button(box: Box, inside: Sequence[Line]) -> bool:
    """Its text is in the middle; a field's begins at the left."""
    left = min(line.box[0] for line in inside) - box[0]
    right = box[2] - max(line.box[2] for line in inside)
    return abs(left - right) <= max(5, 0.08 * (box[2] - box[0]))


def _label_of(box: Box, lines: Sequence[Line]) -> Line | None:
    """Above the field and flush with it, or left of it on its own line."""
    height = box[3] - box[1]
    above = [
        line
        for line in lines
        if -4 <= box[1] - line.box[3] <= 0.9 * height + 6 and line.box[0] - 14 <= box[0] + 6 and line.box[2] > box[0]
    ]
    if above:
        return max(above, key=lambda line: line.box[3])
    middle = (box[1] + box[3]) / 2
    beside = [line for line in lines if line.box[1] < middle < line.box[3] and line.box[2] <= box[0] + 4]
    return max(beside, key=lambda line: line.box[2], default=None)


def _right_of(box: Box, lines: Sequence[Line]) -> Line | None:
    middle, size = (box[1] + box[3]) / 2, box[3] - box[1]
    level = [line for line in lines if line.box[1] - 3 < middle < line.box[3] + 3]
    near = [line for line in level if -4 <= line.box[0] - box[2] <= 2.5 * size]
    return min(near, key=lambda line: line.box[0], default=None)


def _is_frame(edges: NDArray[np.uint8], box: Box, square: bool) -> bool:
    """A box has an edge all along its four sides, a disc in the middle of them; letters of that size have not."""
    left, top, right, bottom = box
    spare = max(3, round((right - left) * (0.2 if square else 0.38)))
    sides = (
        edges[top : top + 3, left + spare : right - spare].any(0),
        edges[bottom - 3 : bottom, left + spare : right - spare].any(0),
        edges[top + spare : bottom - spare, left : left + 3].any(1),
        edges[top + spare : bottom - spare, right - 3 : right].any(1),
    )
    return all(side.all() for side in sides)


def _stands_apart(edges: NDArray[np.uint8], box: Box, gap: int) -> bool:
    """Letters, some as square or round as a check box, have neighbours."""
    left, top, right, bottom = box
    return not edges[top:bottom, max(0, left - gap) : left].any() and not edges[top:bottom, right : right + gap].any()


def _covered(picture: Pixels, box: Box) -> float:
    """Share of the inside that differs from the most frequent colour there and is not border."""
    left, top, right, bottom = box
    rim = max(3, round(0.22 * (right - left)))
    inside = picture[top + rim : bottom - rim, left + rim : right - rim].reshape(-1, 3).astype(np.int16)
    if not len(inside):
        return 0.0
    return float((np.abs(inside - np.median(inside, 0)).max(1) > 40).mean())


def _is_red(picture: Pixels, box: Box) -> bool:
    left, top, right, bottom = box
    part = picture[top:bottom, left:right].reshape(-1, 3).astype(np.int16)
    background = np.median(part, 0)
    written = part[np.abs(part - background).max(1) > 70]
    if len(written) < 6:
        return False
    blue, green, red = np.median(written, 0)
    return bool(red > green + 60 and red > blue + 60)


def _inside(inner: Box, outer: Box) -> bool:
    x, y = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
    smaller = (inner[2] - inner[0]) * (inner[3] - inner[1]) < (outer[2] - outer[0]) * (outer[3] - outer[1])
    return smaller and outer[0] <= x <= outer[2] and outer[1] <= y <= outer[3]


def _overlap(first: Box, second: Box) -> float:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / min(
        (first[2] - first[0]) * (first[3] - first[1]), (second[2] - second[0]) * (second[3] - second[1])
    )


def _union(first: Box, second: Box) -> Box:
    return (
        min(first[0], second[0]),
        min(first[1], second[1]),
        max(first[2], second[2]),
        max(first[3], second[3]),
    )
