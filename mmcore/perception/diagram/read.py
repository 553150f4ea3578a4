"""Turn a picture of a diagram into nodes and edges."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from mmcore.perception import ocr
from mmcore.perception.diagram import arrows, sequence
from mmcore.perception.diagram.shapes import Shape, find_shapes, off_page, page_colour
from mmcore.perception.ink import Pixels
from mmcore.perception.page import join_words, read_boxes, read_strips
from mmcore.types import Diagram, Edge, Line, Node

Box = tuple[int, int, int, int]

# How dark, of 255, a line is against the page at least.
FAINTEST_LINE = 60
# And a letter against what fills its shape: hatching is fainter.
FAINTEST_TEXT = 70
# Of boxes, to tell a form; what is near their rim, in pixels, is their border.
FEWEST_FIELDS, RIM = 2, 6
# Letters outside of the shapes, in all and for each of these: labels have up to eight, a page of code hundreds.
MOST_OUTSIDE, MOST_LABELLING = 60, 12
LETTER = (5, 40)  # how high, in pixels
# More marks than this are a texture, not arrows.
MOST_HEADS = 200
DASHED = 0.08  # share of a line without ink
# A label stands at most this far from its line, in pixels.
MOST_LINES = 16  # of a class with its members
FARTHEST_LABEL = 40


def read_diagram(picture: Pixels) -> Diagram | None:
    """None when the picture has no two shapes with text and an arrow between them."""
    shapes = find_shapes(picture)
    if len(shapes) < 2:
        return None
    found = _sequence(picture, shapes)
    if found is not None:
        return found
    if _is_form(picture, shapes) or not _has_arrows(picture, shapes):
        return None
    texts = _texts_in(picture, shapes)
    groups = _groups(shapes, texts)
    if len(groups) < 2:
        return None
    if any(len(_text_in(shape, texts)) > MOST_LINES for group in groups for shape in group):
        return None  # a window of a program
    nodes = [_node(group, texts) for group in groups]
    areas = _areas(picture, groups, nodes)
    return _graph(picture, areas, nodes, _labels_outside(picture, areas))


def _sequence(picture: Pixels, shapes: Sequence[Shape]) -> Diagram | None:
    parts = sequence.find_lifelines(picture, shapes)
    if parts is None:
        return None
    participants = [shapes[index] for index in parts.participants]
    texts = _texts_in(picture, participants)
    nodes = [Node(" ".join(_text_in(shape, texts)), "participant", shape.box) for shape in participants]
    boxes = [shapes[index] for index in (*parts.participants, *parts.mirrored)]
    areas = _areas(picture, [[shape] for shape in boxes], [Node("", "box", shape.box) for shape in boxes])
    edges = sequence.read_messages(parts, read_boxes(picture, join_words(_labels_outside(picture, areas))))
    return Diagram("sequence", tuple(nodes), edges) if edges else None


def _is_form(picture: Pixels, shapes: Sequence[Shape]) -> bool:
    """Whether most boxes are fields: empty, or written in from the left; nodes have their text in the middle."""
    alone = [
        shape
        for shape in shapes
        if shape.kind == "box"
        and not any(_stacked(shape.box, other.box) or _stacked(other.box, shape.box) for other in shapes)
    ]
    fields = [shape for shape in alone if _is_field(picture, shape)]
    return len(alone) >= FEWEST_FIELDS and len(fields) > 0.5 * len(alone)


def _is_field(picture: Pixels, shape: Shape) -> bool:
    left, top, right, bottom = shape.box
    inside = picture[top + RIM : bottom - RIM, left + RIM : right - RIM].astype(np.int16)
    if not inside.size:
        return False
    used = np.flatnonzero((np.abs(inside - np.median(inside, (0, 1))).max(2) > FAINTEST_TEXT).any(0))
    if not len(used):
        return True
    before, after = int(used[0]), inside.shape[1] - 1 - int(used[-1])
    return bool(after > 2 * before + 12)


def _has_arrows(picture: Pixels, shapes: Sequence[Shape]) -> bool:
    """Whether it is worth reading: forms, windows and code have shapes too, but no arrowheads, or much text besides."""
    empty = [Node("", shape.kind, shape.box) for shape in shapes]
    areas = _areas(picture, [[shape] for shape in shapes], empty)
    lines, strength = _lines(picture, areas)
    if _letters(lines) > MOST_OUTSIDE + MOST_LABELLING * len(shapes):
        return False
    heads = arrows.find_heads(lines, areas)
    return any(arrows.trace(head, strength, areas, []).source >= 0 for head in heads[:40])


def _letters(mask: NDArray[np.uint8]) -> int:
    """How many parts of `mask` are of the size of a letter."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    width, height = stats[1:, cv2.CC_STAT_WIDTH], stats[1:, cv2.CC_STAT_HEIGHT]
    return int(((height >= LETTER[0]) & (height <= LETTER[1]) & (width <= LETTER[1])).sum())


def _lines(picture: Pixels, areas: NDArray[np.int32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """What is drawn outside of the nodes, and how strongly, 0..1."""
    off = off_page(picture)
    solid = cv2.dilate((areas > 0).astype(np.uint8), np.ones((3, 3), np.uint8))
    lines = (off > FAINTEST_LINE).astype(np.uint8)
    lines[solid == 1] = 0
    strength = cv2.GaussianBlur((off * (1 - solid)).astype(np.float32), (0, 0), 0.8)
    return lines, np.minimum(strength / 90, 1).astype(np.float32)


def _texts_in(picture: Pixels, shapes: Sequence[Shape]) -> list[Line]:
    """The lines of text inside each shape, without its outline and without the hatching of sketches."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    clean = picture.copy()
    for shape in shapes:
        left, top, right, bottom = shape.box
        rim = cv2.copyMakeBorder(shape.mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        inner = np.asarray(cv2.erode(rim, np.ones((9, 9), np.uint8))[1:-1, 1:-1], np.uint8)
        if not inner.any():
            continue
        part = picture[top:bottom, left:right].astype(np.int16)
        fill = np.median(part[inner == 1], 0).astype(np.int16)
        # Hatching is the lighter where letters are the darker, or the fainter on the same side.
        darker, lighter = (fill - part).max(2), (part - fill).max(2)
        dark = np.percentile(darker[inner == 1], 99) >= np.percentile(lighter[inner == 1], 99)
        written = ((darker if dark else lighter) > FAINTEST_TEXT).astype(np.uint8) & inner
        mask[top:bottom, left:right] |= _off_rim(written, inner) if shape.sketched else written
        clean[top:bottom, left:right] = np.minimum(part, fill) if dark else np.maximum(part, fill)
    return read_strips(clean, mask, [shape.box for shape in shapes])


def _off_rim(written: NDArray[np.uint8], inner: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`written` without what reaches the rim of `inner`: the outline of a sketch, which swings."""
    core = cv2.erode(inner, np.ones((3, 3), np.uint8))
    _, parts = cv2.connectedComponents(written, connectivity=8)
    swings = np.zeros(int(parts.max()) + 1, bool)
    swings[parts[(inner == 1) & (core == 0)]] = True
    swings[0] = True
    kept: NDArray[np.uint8] = (~swings[parts]).astype(np.uint8)
    return kept


def _areas(picture: Pixels, groups: list[list[Shape]], nodes: list[Node]) -> NDArray[np.int32]:
    """For every pixel the number of the node that it belongs to, from 1; 0 outside."""
    areas = np.zeros(picture.shape[:2], np.int32)
    for index, group in enumerate(groups):
        if len(group) > 1:
            left, top, right, bottom = nodes[index].box
            areas[top:bottom, left:right] = index + 1
        for shape in group:
            left, top, right, bottom = shape.box
            areas[top:bottom, left:right][shape.mask == 1] = index + 1
    return areas


def _labels_outside(picture: Pixels, areas: NDArray[np.int32]) -> list[Box]:
    """Where text stands beside lines."""
    bare = picture.copy()
    solid = cv2.dilate((areas > 0).astype(np.uint8), np.ones((9, 9), np.uint8))
    bare[solid == 1] = page_colour(picture).astype(np.uint8)
    return ocr.detect(bare)


def _graph(picture: Pixels, areas: NDArray[np.int32], nodes: list[Node], boxes: list[Box]) -> Diagram | None:
    lines, strength = _lines(picture, areas)
    heads, boxes = arrows.apart(arrows.find_heads(lines, areas)[:MOST_HEADS], boxes)
    traces = [arrows.trace(head, strength, areas, boxes) for head in heads]
    traces = arrows.without_doubles([one for one in traces if one.source >= 0])
    if not any(one.source != one.head.node for one in traces):
        return None
    is_class = any(node.shape == "class" for node in nodes)
    labels = {} if is_class else _labels(traces, _read_labels(picture, traces, boxes))
    edges = [
        Edge(one.source, one.head.node, _relation(one) if is_class else labels.get(index, ""))
        for index, one in enumerate(traces)
    ]
    kind = "class" if is_class else "state" if all(node.shape == "ellipse" for node in nodes) else "flow"
    return Diagram(kind, tuple(nodes), tuple(edges))


def _read_labels(picture: Pixels, traces: Sequence[arrows.Trace], boxes: Sequence[Box]) -> list[Line]:
    """The labels as they stand and with the lines taken out, which are read as letters where they run through.

    Taking a line out may hurt a letter: the surer of both readings counts.
    """
    bare = picture.copy()
    colour = tuple(int(value) for value in page_colour(picture))
    for one in traces:
        cv2.polylines(bare, [np.rint(np.array(one.path)).astype(np.int32)], False, colour, 2)
    best: dict[Box, Line] = {}
    for line in [*read_boxes(picture, boxes), *read_boxes(bare, boxes)]:
        marks = sum(not (letter.isalnum() or letter in " ?!.,'\"()[]{}<>=_-:/") for letter in line.text)
        bars = line.text[:1] in "/|\\[](){}!-" or line.text[-1:] in "/|\\"
        judged = Line(line.text, line.box, line.score - 0.2 * marks - 0.3 * bars)
        if line.box not in best or judged.score > best[line.box].score:
            best[line.box] = judged
    return list(best.values())


def _groups(shapes: list[Shape], texts: Sequence[Line]) -> list[list[Shape]]:
    """Shapes with text, the compartments of one class together; the backgrounds of labels are left out."""
    groups: list[list[Shape]] = []
    for shape in shapes:
        upper = next((group for group in groups if _stacked(group[-1].box, shape.box)), None)
        held = [text for text in texts if _holds(shape.box, text.box)]
        if upper is not None:
            upper.append(shape)
        elif held and not _is_label(shape, held):
            groups.append([shape])
    return groups


def _stacked(upper: Box, lower: Box) -> bool:
    return abs(upper[0] - lower[0]) <= 4 and abs(upper[2] - lower[2]) <= 4 and -2 <= lower[1] - upper[3] <= 8


def _is_label(shape: Shape, held: Sequence[Line]) -> bool:
    """The background that keeps a line from running through its label: hardly larger than the text."""
    left, top, right, bottom = shape.box
    width = max(text.box[2] for text in held) - min(text.box[0] for text in held)
    return bottom - top < 34 and right - left < 1.15 * width


def _node(group: list[Shape], texts: Sequence[Line]) -> Node:
    rows = [_text_in(shape, texts) for shape in group]
    left, top = min(s.box[0] for s in group), min(s.box[1] for s in group)
    right, bottom = max(s.box[2] for s in group), max(s.box[3] for s in group)
    if len(group) == 1:
        return Node(" ".join(rows[0]), group[0].kind, (left, top, right, bottom))
    name, *members = [row for part in rows for row in part] or [""]
    return Node(name, "class", (left, top, right, bottom), tuple(members))


def _text_in(shape: Shape, texts: Sequence[Line]) -> list[str]:
    held = [text for text in texts if _holds(shape.box, text.box)]
    return [text.text for text in sorted(held, key=lambda text: (round(text.box[1] / 10), text.box[0]))]


def _holds(box: Box, inner: Box) -> bool:
    x, y = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _labels(traces: Sequence[arrows.Trace], texts: Sequence[Line]) -> dict[int, str]:
    """Every text to the line that passes nearest, every line at most one."""
    pairs = []
    for number, text in enumerate(texts):
        left, top, right, bottom = text.box
        for index, one in enumerate(traces):
            path = np.array(one.path)
            dx = np.maximum(np.maximum(left - path[:, 0], path[:, 0] - right), 0)
            dy = np.maximum(np.maximum(top - path[:, 1], path[:, 1] - bottom), 0)
            apart = np.hypot(dx, dy)
            middle = np.hypot(path[:, 0] - (left + right) / 2, path[:, 1] - (top + bottom) / 2)
            if apart.min() <= FARTHEST_LABEL:
                pairs.append((float(apart.min() + 0.3 * middle.min()), number, index))
    labels: dict[int, str] = {}
    used: set[int] = set()
    for _, number, index in sorted(pairs):
        if number not in used and index not in labels:
            used.add(number)
            labels[index] = texts[number].text
    return labels


def _relation(one: arrows.Trace) -> str:
    """What the mark at the end of a line of a class diagram says (UML 2.5)."""
    if one.head.hollow and abs(one.head.lean - 0.5) > 0.04:
        return "inherits"
    if one.gaps > DASHED:
        return "uses"
    return "has"
