"""Find the shapes of a diagram: closed outlines and filled areas that are convex and symmetric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mmcore.perception.ink import SAME, Pixels

Box = tuple[int, int, int, int]
Mask = NDArray[np.uint8]

SMALLEST = (26, 18)  # pixels, width and height: less is an arrowhead, a letter, the eye of one
MOST_SHAPES = 1500  # that are looked at: a picture with more areas is no diagram
LARGEST = 0.5  # share of the picture
CONVEX = 0.88
SYMMETRIC = 0.9
LIKE = {"ellipse": 0.9, "diamond": 0.84, "box": 0.84}  # share of the area that a shape has in common with the ideal one
VERY_LIKE = 0.92
RIM = 2.5  # pixels from the inside of an outline to its outside, blurred as it is


@dataclass(frozen=True, slots=True)
class Shape:
    """`mask` (of the size of `box`) is 1 inside the outline. `kind` is box, diamond or ellipse.

    `sketched`: hatched and drawn as by hand, so that its outline swings.
    """

    kind: str
    box: Box
    mask: Mask
    sketched: bool = False


def page_colour(picture: Pixels) -> NDArray[np.int16]:
    """The colour that most pixels at the rim of the picture have: in the middle, shapes may cover more."""
    sides = [picture[:2], picture[-2:], picture[:, :2], picture[:, -2:]]
    rim = np.concatenate([side.reshape(-1, 3) for side in sides])
    packed = rim.astype(np.uint32) @ np.array([1, 256, 65536], np.uint32)
    values, counts = np.unique(packed, return_counts=True)
    value = int(values[counts.argmax()])
    return np.array([value & 255, value >> 8 & 255, value >> 16], np.int16)


def off_page(picture: Pixels) -> NDArray[np.uint8]:
    """Distance of each pixel from the colour of the page, 0..255."""
    distance: NDArray[np.uint8] = np.abs(picture.astype(np.int16) - page_colour(picture)).max(2).astype(np.uint8)
    return distance


def find_shapes(picture: Pixels) -> list[Shape]:
    """Outlined shapes first; then filled ones without a clean outline, as sketches have."""
    shapes = _enclosed(picture)
    taken = np.zeros(picture.shape[:2], np.uint8)
    for shape in shapes:
        left, top, right, bottom = shape.box
        taken[max(0, top - 6) : bottom + 6, max(0, left - 6) : right + 6] = 1
    area = (off_page(picture) > SAME).astype(np.uint8)
    area[taken == 1] = 0
    # Sketched fills are hatched: closed first; lines and letters are thinner than what opening leaves.
    closed = cv2.morphologyEx(area, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    filled = cv2.morphologyEx(closed, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (15, 15)))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(filled, connectivity=4)
    for label in range(1, min(count, MOST_SHAPES)):
        left, top, width, height = stats[label].tolist()[:4]
        part = (labels[top : top + height, left : left + width] == label).astype(np.uint8)
        found = _sketched(part, (left, top), picture.shape[:2])
        if found is not None:
            shapes.append(found)
    return sorted(shapes, key=lambda shape: (shape.box[1], shape.box[0]))


def _sketched(part: Mask, corner: tuple[int, int], limits: tuple[int, int]) -> Shape | None:
    """The shape that a filled area comes nearest to. What else clings to the area, as ends of arrows do, is cut off."""
    across, down = _span(part.sum(0)), _span(part.sum(1))
    core = part[down[0] : down[1], across[0] : across[1]]
    candidates = [("box", across, down, np.ones_like(core))]
    whole = ((0, part.shape[1]), (0, part.shape[0]))
    candidates += [(kind, *whole, _ideal(kind, part.shape)) for kind in ("diamond", "ellipse")]
    best = max(candidates, key=lambda entry: _overlap(part, entry[1], entry[2], entry[3]))
    kind, (left, right), (top, bottom), mask = best
    box = (left + corner[0], top + corner[1], right + corner[0], bottom + corner[1])
    width, height = right - left, bottom - top
    if _overlap(part, (left, right), (top, bottom), mask) < LIKE[kind] or not _fits(box, limits):
        return None
    rim = cv2.copyMakeBorder(mask, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=0)
    grown = cv2.dilate(rim, np.ones((3, 3), np.uint8))[1 : height + 3, 1 : width + 3]
    return Shape(kind, (box[0] - 1, box[1] - 1, box[2] + 1, box[3] + 1), np.asarray(grown, np.uint8), True)


def _span(amounts: NDArray[np.int64]) -> tuple[int, int]:
    """From the first to the last place where there is at least half of the most."""
    wide = np.flatnonzero(amounts >= 0.5 * amounts.max())
    return int(wide[0]), int(wide[-1]) + 1


def _overlap(part: Mask, across: tuple[int, int], down: tuple[int, int], ideal: Mask) -> float:
    placed = np.zeros_like(part)
    placed[down[0] : down[1], across[0] : across[1]] = ideal
    return float((part & placed).sum() / max(1, int((part | placed).sum())))


def _enclosed(picture: Pixels) -> list[Shape]:
    kernel = np.ones((3, 3), np.uint8)
    flat = ((cv2.dilate(picture, kernel) - cv2.erode(picture, kernel)).max(2) <= SAME).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(flat, connectivity=4)
    found: list[Shape] = []
    order = 1 + np.argsort(-stats[1:, cv2.CC_STAT_AREA], kind="stable")
    for label in order[:MOST_SHAPES].tolist():
        values = stats[label].tolist()
        if values[2] < SMALLEST[0] or values[3] < SMALLEST[1] - 4:
            continue
        shape = _shape(labels, label, values, picture.shape[:2])
        if shape is not None and not any(_contains(other.box, shape.box) for other in found):
            found.append(shape)
    return found


def _shape(labels: NDArray[Any], label: int, stats: list[int], limits: tuple[int, int]) -> Shape | None:
    left, top, width, height = stats[:4]
    if not _fits((left, top, left + width, top + height), limits):
        return None
    part = (labels[top : top + height, left : left + width] == label).astype(np.uint8)
    contours, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(contours, key=cv2.contourArea)
    area = cv2.contourArea(outline)
    if area < CONVEX * cv2.contourArea(cv2.convexHull(outline)) or area < 0.38 * width * height:
        return None
    mask = np.zeros((height, width), np.uint8)
    cv2.drawContours(mask, [outline], -1, 1, cv2.FILLED)
    turned = mask[::-1, ::-1]
    symmetric = (mask & turned).sum() >= SYMMETRIC * (mask | turned).sum()
    share = area / (width * height)
    kind = "box" if share > 0.88 else "ellipse" if share > 0.66 else "diamond"
    likeness = 0.0 if kind == "box" else _likeness(mask, kind)
    # The sharp tips of a flat diamond differ by a few pixels, which is much of what little is there.
    if (not symmetric and likeness < VERY_LIKE) or (kind != "box" and likeness < LIKE[kind]):
        return None
    return _whole(kind, (left, top, left + width, top + height), mask, limits)


def _fits(box: Box, limits: tuple[int, int]) -> bool:
    """Whether a shape may be of this size; what touches the rim is the page, a title bar or a pane."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    if width < SMALLEST[0] or height < SMALLEST[1] - 4 or width * height > LARGEST * limits[0] * limits[1]:
        return False
    return left > 1 and top > 1 and right < limits[1] - 1 and bottom < limits[0] - 1


def _likeness(mask: Mask, kind: str) -> float:
    """Shared by covered area of `mask` and the ideal shape: what lines happen to enclose is neither."""
    ideal = _ideal(kind, mask.shape)
    return float((mask & ideal).sum() / max(1, int((mask | ideal).sum())))


def _ideal(kind: str, size: tuple[int, ...]) -> Mask:
    height, width = size
    ideal = np.zeros((height, width), np.uint8)
    middle = (width // 2, height // 2)
    if kind == "ellipse":
        cv2.ellipse(ideal, middle, middle, 0, 0, 360, 1, cv2.FILLED)
    else:
        corners = np.array([[middle[0], 0], [width - 1, middle[1]], [middle[0], height - 1], [0, middle[1]]], np.int32)
        cv2.fillConvexPoly(ideal, corners, 1)
    return ideal


def _whole(kind: str, box: Box, mask: Mask, limits: tuple[int, int]) -> Shape:
    """The shape with its outline, of which `mask` is the inside: the sharp tips of a flat diamond are far from that."""
    left, top, right, bottom = box
    across, down = (right - left) / 2, (bottom - top) / 2
    slant = np.hypot(across, down)
    grow_x, grow_y = (RIM * slant / down, RIM * slant / across) if kind == "diamond" else (RIM, RIM)
    outer = (
        max(0, round(left - grow_x)),
        max(0, round(top - grow_y)),
        min(limits[1], round(right + grow_x)),
        min(limits[0], round(bottom + grow_y)),
    )
    whole = np.zeros((outer[3] - outer[1], outer[2] - outer[0]), np.uint8)
    whole[top - outer[1] : bottom - outer[1], left - outer[0] : right - outer[0]] = mask
    if kind == "diamond":
        height, width = whole.shape
        corners = np.array([[width // 2, 0], [width - 1, height // 2], [width // 2, height - 1], [0, height // 2]])
        cv2.fillConvexPoly(whole, corners.astype(np.int32), 1)
    else:
        cv2.dilate(whole, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)), dst=whole)
    return Shape(kind, outer, whole)


def _contains(outer: Box, inner: Box) -> bool:
    return outer[0] <= inner[0] and outer[1] <= inner[1] and outer[2] >= inner[2] and outer[3] >= inner[3]
