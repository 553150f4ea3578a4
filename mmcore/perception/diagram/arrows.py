"""Follow the lines of a diagram from their heads back to where they begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]
Mask = NDArray[np.uint8]
Point = NDArray[np.float64]

STEP = 2.0  # pixels
AHEAD = 7  # pixels that are looked at to choose a direction
TURNS = np.deg2rad(np.arange(-48, 49, 6))
# Following a line is given up after this many pixels without ink; within a label it may be hidden altogether.
LONGEST_GAP = 12.0
DASH = 0.5  # strength below which there is no line
# A head touches its node, or nearly so. In pixels.
REACH = 9
LABEL_RIM = 2  # pixels around a label where a line is no longer followed
SMALLEST_HEAD = 16  # square pixels
LONGEST_LINE = 6000


@dataclass(frozen=True, slots=True)
class Head:
    """A mark at the end of a line: `node` is what it touches, `hollow` whether it is only outlined.

    `lean` is where its mass lies, from 0 at the node to 1 at the line: 0.5 in a diamond, 0.67 in a triangle.
    """

    centre: tuple[float, float]
    node: int
    size: float
    hollow: bool
    lean: float


@dataclass(frozen=True, slots=True)
class Trace:
    """A line from a head to the node where it begins (-1: to none). `gaps` is the share of it without ink."""

    head: Head
    source: int
    path: tuple[tuple[float, float], ...]
    gaps: float


def find_heads(lines: Mask, nodes: NDArray[np.int32]) -> list[Head]:
    """Marks that are thicker than lines and stand at a node. `nodes` is 0 outside, index + 1 inside."""
    solid = _filled(lines)
    thick = cv2.morphologyEx(solid, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3)))
    count, parts, stats, centres = cv2.connectedComponentsWithStats(thick, connectivity=8)
    near = _near(nodes, REACH)
    heads = []
    for number in range(1, count):
        left, top, width, height, area = stats[number].tolist()
        if area < SMALLEST_HEAD or max(width, height) > 44:
            continue
        part = parts[top : top + height, left : left + width] == number
        touched = near[top : top + height, left : left + width][part]
        touched = touched[touched > 0]
        x, y = centres[number].tolist()
        if not len(touched):
            continue
        node = int(np.bincount(touched).argmax()) - 1
        ink = lines[top : top + height, left : left + width][part].mean()
        head = Head((x, y), node, float(max(width, height)), bool(ink < 0.72), 0.0)
        rows, columns = np.nonzero(part)
        along = np.stack([columns, rows], 1) @ _away(head, nodes)
        lean = float((along.mean() - along.min()) / max(1e-6, along.max() - along.min()))
        heads.append(replace(head, lean=lean))
    return heads


def apart(heads: Sequence[Head], labels: Sequence[Box]) -> tuple[list[Head], list[Box]]:
    """Heads without those that are letters, labels without those that are heads: each is taken for the other.

    A detector of text also takes a label and the head below or beside it for one: then the label is cut off.
    """
    texts = []
    for label in labels:
        inside = [head for head in heads if _within(head, label)]
        cut = label
        for head in inside:
            cut = _cut(cut, head)
        if not inside or cut[2] - cut[0] >= 2.5 * max(head.size for head in inside):
            texts.append(cut)
    return [head for head in heads if not any(_within(head, box) for box in texts)], texts


def _cut(box: Box, head: Head) -> Box:
    """`box` up to the head, when that is at its end."""
    left, top, right, bottom = box
    x, y = head.centre
    reach = 0.5 * head.size + 2
    if bottom - y < 1.6 * head.size and bottom - top > right - left:
        return left, top, right, round(y - reach)
    if y - top < 1.6 * head.size and bottom - top > right - left:
        return left, round(y + reach), right, bottom
    if right - x < 1.6 * head.size:
        return left, top, round(x - reach), bottom
    if x - left < 1.6 * head.size:
        return round(x + reach), top, right, bottom
    return box


def _within(head: Head, box: Box) -> bool:
    return box[0] + 2 < head.centre[0] < box[2] - 2 and box[1] + 2 < head.centre[1] < box[3] - 2


def trace(head: Head, strength: NDArray[np.float32], nodes: NDArray[np.int32], labels: Sequence[Box]) -> Trace:
    """From the head away from its node, straight on at crossings, until another node is reached."""
    position = np.array(head.centre)
    direction = _departure(head, strength, nodes)
    reached = _near(nodes, 3)
    path = [tuple(position.tolist())]
    gap = walked = 0.0
    position = position + direction * (0.5 * head.size + 1)
    leaving = 0.5 * head.size + 10
    passed: set[Box] = set()
    while walked < LONGEST_LINE:
        label = next((box for box in labels if box not in passed and _inside(position, box, LABEL_RIM)), None)
        if label is not None:
            passed.add(label)
            position, direction = _across(position, direction, label, strength)
        direction, quality = _steer(position, direction, strength)
        position = _centred(position + direction * STEP, direction, strength)
        walked += STEP
        x, y = round(float(position[0])), round(float(position[1]))
        if not (0 <= y < nodes.shape[0] and 0 <= x < nodes.shape[1]):
            break
        path.append((float(position[0]), float(position[1])))
        at = int(reached[y, x])
        if at and (at - 1 != head.node or walked > leaving + 12):
            return Trace(head, at - 1, tuple(path), _gaps(path, strength))
        gap = gap + STEP if quality < 0.25 else 0.0
        if gap > LONGEST_GAP:
            break
    return Trace(head, -1, tuple(path), _gaps(path, strength))


def _gaps(path: Sequence[tuple[float, float]], strength: NDArray[np.float32]) -> float:
    """Share of the line without ink: near 0 when it is solid, 0.3 and more when it is dashed."""
    points = np.array(path)[3:-1]
    if len(points) < 4:
        return 0.0
    between = np.concatenate([points, (points[1:] + points[:-1]) / 2])
    x, y = between[:, 0], between[:, 1]
    near = [_sample(strength, x + dx, y + dy) for dx, dy in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))]
    return float((np.max(near, 0) < DASH).mean())


def _across(position: Point, direction: Point, label: Box, strength: NDArray[np.float32]) -> tuple[Point, Point]:
    """Where the line comes out of a label that hides it or runs into its letters, and its direction there."""
    left, top, right, bottom = (value + rim for value, rim in zip(label, (-5, -5, 5, 5), strict=True))
    across, down = np.arange(left, right + 1), np.arange(top, bottom + 1)
    x = np.concatenate([across, across, np.full(len(down), left), np.full(len(down), right)]).astype(np.float64)
    y = np.concatenate([np.full(len(across), top), np.full(len(across), bottom), down, down]).astype(np.float64)
    ahead = np.stack([x, y], 1) - position
    distance = np.hypot(ahead[:, 0], ahead[:, 1])
    straight = (ahead @ direction) / np.maximum(distance, 1e-6)
    values = np.where((distance > 8) & (straight > 0.3), np.minimum(_sample(strength, x, y), 0.6) + 0.4 * straight, 0)
    best = int(values.argmax())
    if values[best] < 0.5:
        return position, direction
    return position + ahead[best], ahead[best] / distance[best]


def _inside(position: Point, box: Box, rim: float) -> bool:
    return bool(box[0] - rim <= position[0] <= box[2] + rim and box[1] - rim <= position[1] <= box[3] + rim)


def without_doubles(traces: Sequence[Trace]) -> list[Trace]:
    """One trace for each line: a line with marks at both ends was followed twice."""
    kept: list[Trace] = []
    for one in sorted(traces, key=lambda entry: -entry.head.size):
        if not any(_same_line(one, other) for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda entry: (entry.head.centre[1], entry.head.centre[0]))


def _same_line(one: Trace, other: Trace) -> bool:
    if {one.source, one.head.node} != {other.source, other.head.node}:
        return False
    first, second = np.array(one.path), np.array(other.path)
    middle = first[len(first) // 2]
    return bool(np.hypot(*(second - middle).T).min() < 4)


def _steer(position: Point, direction: Point, strength: NDArray[np.float32]) -> tuple[Point, float]:
    angle = float(np.arctan2(direction[1], direction[0]))
    angles = angle + TURNS
    reach = np.arange(1, AHEAD + 1)
    x = position[0] + np.cos(angles)[:, None] * reach
    y = position[1] + np.sin(angles)[:, None] * reach
    values = _sample(strength, x, y).mean(1)
    # Straight on unless the line turns: crossings do not lead astray.
    scores = values - 0.18 * np.abs(TURNS)
    best = int(scores.argmax())
    if values[best] < 0.2:
        return direction, float(values[best])
    return np.array([np.cos(angles[best]), np.sin(angles[best])]), float(values[best])


def _centred(position: Point, direction: Point, strength: NDArray[np.float32]) -> Point:
    across = np.array([-direction[1], direction[0]])
    offsets = np.array([-1.5, -0.75, 0.0, 0.75, 1.5])
    values = _sample(strength, position[0] + across[0] * offsets, position[1] + across[1] * offsets)
    if values.max() < 0.2:
        return position
    weight = values**2
    moved: Point = position + across * float((weight * offsets).sum() / weight.sum()) * 0.7
    return moved


def _sample(strength: NDArray[np.float32], x: Point, y: Point) -> NDArray[np.float32]:
    height, width = strength.shape
    columns = np.rint(x).astype(int)
    rows = np.rint(y).astype(int)
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    values: NDArray[np.float32] = np.where(
        inside, strength[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)], 0
    )
    return values


def _departure(head: Head, strength: NDArray[np.float32], nodes: NDArray[np.int32]) -> Point:
    """Where the line leaves the head: the direction with most ink beyond it, rather away from the node."""
    away = _away(head, nodes)
    angles = np.deg2rad(np.arange(0, 360, 4))
    reach = 0.45 * head.size + np.arange(2, 15)
    x = head.centre[0] + np.cos(angles)[:, None] * reach
    y = head.centre[1] + np.sin(angles)[:, None] * reach
    values = _sample(strength, x, y).mean(1)
    outwards = np.cos(angles) * away[0] + np.sin(angles) * away[1]
    best = int(np.where(outwards > -0.2, values + 0.25 * outwards, -1).argmax())
    departure: Point = np.array([np.cos(angles[best]), np.sin(angles[best])])
    return departure if values[best] > 0.15 else away


def _away(head: Head, nodes: NDArray[np.int32]) -> Point:
    """From the nearest point of the node through the middle of the head."""
    x, y = head.centre
    reach = round(head.size + REACH + 4)
    left, top = max(0, round(x) - reach), max(0, round(y) - reach)
    part = nodes[top : round(y) + reach + 1, left : round(x) + reach + 1] == head.node + 1
    rows, columns = np.nonzero(part)
    distance = np.hypot(columns + left - x, rows + top - y)
    nearest = distance <= distance.min() + 1.0
    towards = np.array([x - (columns[nearest] + left).mean(), y - (rows[nearest] + top).mean()])
    length = float(np.hypot(*towards))
    away: Point = towards / length if length > 0.5 else np.array([0.0, -1.0])
    return away


def _near(nodes: NDArray[np.int32], reach: int) -> NDArray[np.int32]:
    grown: NDArray[np.int32] = cv2.dilate(
        nodes.astype(np.float32), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    ).astype(np.int32)
    return grown


def _filled(lines: Mask) -> Mask:
    """`lines` with the insides of small outlines, as hollow heads have."""
    contours, hierarchy = cv2.findContours(lines, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    filled = lines.copy()
    if hierarchy is None:
        return filled
    for contour, entry in zip(contours, hierarchy[0], strict=True):
        if entry[3] >= 0 and 6 <= cv2.contourArea(contour) <= 420:
            cv2.drawContours(filled, [contour], -1, 1, cv2.FILLED)
    return filled
