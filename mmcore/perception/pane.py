"""Read one pane of monospaced text: its lines with their indentation, its line numbers apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmcore.perception import grid
from mmcore.perception.gutter import Gutter, find_gutter, margin
from mmcore.perception.ink import Ink, Pixels
from mmcore.perception.monospace import Row, look, place, slots_of
from mmcore.types import Line

Box = tuple[int, int, int, int]
Mask = NDArray[np.uint8]

# Text that the network reads with less certainty than this, on average, is not monospaced text.
LEAST_SCORE = 0.6
# A grid fits a few characters by chance.
FEWEST_CELLS = 24


@dataclass(frozen=True, slots=True)
class Pane:
    """`text` has blank lines and indentation; `first_line` is the number of its first line where numbers are shown."""

    text: str
    lines: tuple[Line, ...]
    first_line: int | None


def read_pane(picture: Pixels, ink: Ink, mask: Mask, box: Box) -> Pane | None:
    """None when the pane holds no monospaced text."""
    left, top, right, bottom = box
    picture, ink = picture[top:bottom, left:right], ink[top:bottom, left:right]
    mask = mask[top:bottom, left:right].copy()
    rows = grid.find_rows(mask)
    columns = grid.find_columns(mask, rows.height) if rows else None
    if rows is None or columns is None:
        return None
    slots = slots_of(mask, rows, columns)
    if sum(sum(slot.written) for slot in slots) < FEWEST_CELLS:
        return None
    seen = look(picture, slots, columns)
    read = place(seen, slots, columns, None)
    if not read or np.mean([row.score for row in read]) < LEAST_SCORE:
        return None
    gutter = find_gutter(read)
    if gutter is None:
        read = place(seen, slots, columns, ink)
        return _pane(read, 0, margin(read, None), (left, top))
    edge = _right_edge(mask, rows, columns, gutter)
    mask[:, :edge] = 0
    # Numbers are set on a grid of their own in many editors: the code's is measured without them.
    own = grid.find_columns(mask, rows.height)
    if own is None or abs(own.pitch - columns.pitch) > 0.05 * columns.pitch:
        own = columns
    code = {line: tuple(glyph for glyph in seen[line] if glyph.x >= edge) for line in seen}
    read = place(code, slots_of(mask, rows, own), own, ink)
    return _pane(read, gutter.first, margin(read, (edge - own.phase) / own.pitch), (left, top))


def _right_edge(mask: Mask, rows: grid.Rows, columns: grid.Columns, gutter: Gutter) -> int:
    """Where the numbers end, in pixels: the grid is that of the code and may cut through them."""
    near = columns.phase + gutter.stop * columns.pitch
    low, high = max(0, round(near - columns.pitch)), min(mask.shape[1], round(near + 1.3 * columns.pitch))
    used = np.zeros(mask.shape[1], bool)
    for line in gutter.lines:
        baseline = rows.baselines[line]
        used |= mask[max(0, round(baseline - 0.7 * rows.height)) : baseline + 1].any(0)
    longest, start = 0, round(near)
    run = 0
    for x in range(low, high):
        run = 0 if used[x] else run + 1
        if run > longest:
            longest, start = run, x - run + 1
    return start


def _pane(rows: list[Row], number: int, start: int, origin: tuple[int, int]) -> Pane:
    """`number` is that of lattice line 0, 0 where no numbers are shown; `start` the cell of the margin."""
    if not rows:
        return Pane("", (), None)
    first = min(row.line for row in rows)
    text = [""] * (max(row.line for row in rows) - first + 1)
    for row in rows:
        text[row.line - first] = " " * (row.start - start) + row.text
    lines = tuple(Line(row.text, _moved(row.box, origin), round(row.score, 4)) for row in rows)
    return Pane("\n".join(text), lines, number + first if number else None)


def _moved(box: Box, origin: tuple[int, int]) -> Box:
    return box[0] + origin[0], box[1] + origin[1], box[2] + origin[0], box[3] + origin[1]
