"""Read one pane of monospaced text: its lines with their indentation, its line numbers apart."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from mmcore.perception import grid, guides
from mmcore.perception.gutter import find_gutter, is_on_grid, margin, without_marks
from mmcore.perception.highlight import lift, lift_blocks
from mmcore.perception.ink import Ink, Pixels
from mmcore.perception.lexis import PROMPTS
from mmcore.perception.monospace import Row, digits, look, read_rows, rows_of, slots_of
from mmcore.types import Line

Box = tuple[int, int, int, int]
Mask = NDArray[np.uint8]

# Text that the network reads with less certainty than this, on average, is not monospaced text.
LEAST_SCORE = 0.6
# The lines of charts and tables look like rows of signs.
LEAST_LETTERS = 0.3
# A grid fits a few characters by chance.
FEWEST_CELLS = 24
# In widths of a character: how far capital and small letters reach above their baseline.
CAPITAL, SMALL = 1.1, 0.8
# What editors append to the line of the cursor: who wrote it, and when.
BLAME = re.compile(
    r"(?<=\S)\s{3,}(?:\S.{0,40}?, ?(?:\w{1,4} \w{3,7} ag\w|yesterday|now)\b.*"
    r"|\S.{0,60} \(\w+ \w+ ag\w\)|[A-Z]\w+ [A-Z]\w+, \d+(?: [a-z]{1,7}){0,2})$"
)
WIDE, BEGIN = 480, 0.75  # pixels; share of a pane
RIM_OF_SHADE = 3  # pixels
# Pixels between a pane and a bar below it; and between a bar's grid and that of the pane. Share of a cell's width.
ADJACENT, RIM, SAME_PITCH = 4, 2, 0.02
SHARP = 0.4  # of the contrast of writing
OFF_CELL = 0.2  # of a cell, from where one begins
HIGHEST_SIGN = 0.85  # of a bar's height
LIKE_A_SIGN = 0.8
CURSOR = "█▌▏ "  # of a terminal, where nothing has been typed yet
LAST_PART = re.compile(r"(?<=\S) {4,}(\S(?: {0,3}\S)*)$")
# What stands there has a mean score of .95 and more where it is writing.
LIKELY, UNLIKELY = 0.85, 0.4
FEET = "_., "  # what the tops of other signs look like at the foot of a row
# A row that touches the rim of the pane is whole when it is read as well as this.
WHOLE = 0.9


@dataclass(frozen=True, slots=True)
class Pane:
    """`text` has blank lines and indentation; `first_line` is the number of its first line where numbers are shown."""

    text: str
    lines: tuple[Line, ...]
    first_line: int | None


def read_pane(
    picture: Pixels,
    ink: Ink,
    mask: Mask,
    box: Box,
    names: Collection[str],
    shaded: int = 0,
    bars: Sequence[Box] = (),
) -> Pane | None:
    """None when the pane holds no monospaced text.

    So many pixels on the left are a surface of their own, where there are line numbers and marks and no code. `bars` of
    the picture may show where a line begins.
    """
    left, top, right, bottom = box
    below = [mask[bar[1] : bar[3], left:right] for bar in bars if abs(bar[1] - bottom) <= ADJACENT]
    picture, ink = picture[top:bottom, left:right], ink[top:bottom, left:right]
    mask = mask[top:bottom, left:right].copy()
    # Lines begin at the left; at the right there may be a minimap, whose lines are many.
    rows = grid.find_rows(mask[:, : max(WIDE, round(BEGIN * mask.shape[1]))])
    if rows is None:
        return None
    lines = guides.find_guides(ink, rows.height)
    width = guides.find_ruler(lines, mask.shape)
    mask, ink = mask[:, :width], ink[:, :width]
    width = guides.find_minimap(guides.without(mask, lines), rows)
    picture, mask, ink = picture[:, :width], mask[:, :width], ink[:, :width]
    columns = grid.find_columns(guides.without(mask, lines), rows.height)
    if columns is None:
        # The soft edges of small letters close the gaps between them.
        sharp = (guides.without(ink, lines) > SHARP).astype(np.uint8)
        columns = grid.find_columns(sharp, rows.height)
    if columns is None:
        return None
    lines = guides.drawn(lines, columns)
    drawn = [*lines, *guides.find_borders(ink), *guides.find_underlines(mask, rows.baselines, columns.pitch)]
    mask, ink = _without(mask, ink, drawn)
    gutter = find_gutter(mask, rows, columns, lambda slots, own: rows_of(slots, digits(look(ink, slots, own)), own))
    if shaded and gutter is None:
        return None
    if gutter is not None:
        edge = max(gutter.edge, shaded)
        numbers = mask[:, : gutter.edge].copy()
        mask[:, :edge], ink[:, :edge] = 0, 0
        # The code's grid is measured without the numbers, which may have one of their own.
        own = grid.find_columns(mask, rows.height)
        if own is not None and abs(own.pitch - columns.pitch) <= 0.05 * columns.pitch:
            columns = own
    blocks, frames = guides.find_blocks(picture, columns, rows.height)
    picture, lifted = lift_blocks(picture, ink, [block for block in blocks if gutter is None or block.left > edge])
    mask, ink = _changed(mask, ink, lifted)
    mask, ink = _without(mask, ink, [side for frame in frames for side in _sides(frame)])
    # Where one surface ends and the other begins is known to a few pixels.
    mask, ink, cursors = _without_marks(mask, ink, rows, columns, edge + RIM_OF_SHADE if gutter and shaded else 0)
    slots = slots_of(mask, rows, columns)
    mask, ink = _changed(mask, ink, lift(picture, ink, slots, columns))
    slots = slots_of(mask, rows, columns)
    if gutter is None and sum(sum(slot.written) for slot in slots) < FEWEST_CELLS:
        return None
    read = [row for row in read_rows(picture, ink, slots, columns, names) if not _is_cut(row, mask, rows, columns)]
    read = [_without_noise(row) for row in read]
    if gutter is not None:
        read = [row for row in read if row.line in gutter.lines]
    if read and _is_cursor(read[-1]):
        read.pop()
    written = "".join(row.text for row in read).replace(" ", "")
    if sum(sign.isalnum() for sign in written) <= LEAST_LETTERS * len(written):
        return None
    if np.mean([row.score for row in read]) < LEAST_SCORE:
        return None
    begins = [replace(block, right=block.left) for block in blocks + frames]
    if gutter is None:
        told = [cell for bar in below for cell in _first_cell(bar, rows, columns)]
        start = min([*(row.start for row in read), *told, *_cells([*begins, *lines], columns, 0)], default=0)
        # Bars that mark changed lines are no cursors: they stand anywhere.
        near = [bar for bar in cursors if abs((bar.middle - columns.phase) / columns.pitch % 1 - 0.5) > 0.5 - OFF_CELL]
        start = min([start, *(cell for cell in _cells(near, columns, 0) if (start - cell) % 2 == 0)])
        return _pane(read, 0, start, (left, top))
    stop = (edge - columns.phase) / columns.pitch
    if not shaded:
        read = without_marks(read, stop)
    on_one_grid = is_on_grid(numbers, columns)
    start = margin(read, stop, _cells(lines, columns, edge), shaded=bool(shaded), on_one_grid=on_one_grid)
    # The text cursor stands at the margin or right of it.
    return _pane(read, gutter.first, min([start, *_cells([*begins, *cursors], columns, edge)]), (left, top))


def _without_marks(
    mask: Mask, ink: Ink, rows: grid.Rows, columns: grid.Columns, rim: int
) -> tuple[Mask, Ink, list[guides.Guide]]:
    """Without text cursors, without what ends left of x = `rim`, and without dots for spaces; and the cursors."""
    cursors = guides.find_cursors(mask, columns, rows.height)
    mask, ink = _without(mask, ink, cursors)
    mask, ink = _without(mask, ink, guides.find_specks(mask, rim))
    mask, ink = _without(mask, ink, guides.find_dots(ink, mask, rows.baselines, columns, rows.height))
    return mask, ink, cursors


def _sides(frame: guides.Guide) -> list[guides.Guide]:
    left, top, right, bottom = frame.left, frame.top, frame.right, frame.bottom
    lines = (left, top, right, top + 1), (left, bottom - 1, right, bottom), (left, top, left + 1, bottom)
    return [guides.Guide(*line) for line in (*lines, (right - 1, top, right, bottom))]


def _changed(mask: Mask, ink: Ink, lifted: Ink) -> tuple[Mask, Ink]:
    changed = lifted != ink
    return (np.where(changed, grid.mask_of(lifted), mask).astype(np.uint8), lifted) if changed.any() else (mask, ink)


def _without(mask: Mask, ink: Ink, drawn: Sequence[guides.Guide]) -> tuple[Mask, Ink]:
    return guides.without(mask, drawn), guides.without(ink, drawn)


def _cells(lines: Sequence[guides.Guide], columns: grid.Columns, left: float) -> list[int]:
    """The cells before which lines are drawn that stand right of x = `left`."""
    return [round((line.middle - columns.phase) / columns.pitch) for line in lines if line.left > left]


def _first_cell(bar: Mask, rows: grid.Rows, columns: grid.Columns) -> list[int]:
    """The cell in which the text of a bar begins, if it stands on the same grid, as in Vim and Emacs."""
    own = grid.find_columns(bar, rows.height)
    if own is None or abs(own.pitch - columns.pitch) > SAME_PITCH * columns.pitch:
        return []
    apart = (own.phase - columns.phase) / columns.pitch
    if abs(apart - round(apart)) * columns.pitch > RIM:
        return []
    # Not the edge of the bar, nor that of the window.
    stats = cv2.connectedComponentsWithStats(bar, connectivity=8)[2][1:].tolist()
    signs = [left for left, _, width, height, _ in stats if height < HIGHEST_SIGN * len(bar) and left + width > RIM]
    begins = min(signs, default=0)
    return [math.floor((begins + 1 - columns.phase) / columns.pitch)]


def _is_cursor(row: Row) -> bool:
    """Whether the last row has nothing but a cursor: a block, or a frame, which is like no sign."""
    return not row.text.rstrip(CURSOR) or (len(row.text) == 1 and row.text not in PROMPTS and row.score < LIKE_A_SIGN)


def _without_noise(row: Row) -> Row:
    """Without what stands far right of the writing and is like none: a sparse minimap, the tops of brackets below."""
    part = LAST_PART.search(row.text)
    if part is None:
        return row
    scores = row.scores[part.start(1) :]
    if part[1].strip(FEET) and (np.mean(scores) >= LIKELY or min(scores) >= UNLIKELY):
        return row
    text = row.text[: part.start()]
    return _without_noise(replace(row, text=text, scores=row.scores[: len(text)]))


def _is_cut(row: Row, mask: Mask, rows: grid.Rows, columns: grid.Columns) -> bool:
    """Whether scrolling has left only a part of the row, and that cannot be read."""
    above, below = rows.baselines[row.line] / columns.pitch, (mask.shape[0] - rows.baselines[row.line]) / columns.pitch
    if above < SMALL or below < 0:
        return True
    return above < CAPITAL and row.score < WHOLE


def _pane(rows: list[Row], number: int, start: int, origin: tuple[int, int]) -> Pane:
    """`number` is that of lattice line 0, 0 where no numbers are shown; `start` the cell of the margin."""
    if not rows:
        return Pane("", (), None)
    first = min(row.line for row in rows)
    text = [""] * (max(row.line for row in rows) - first + 1)
    for row in rows:
        text[row.line - first] = BLAME.sub("", " " * (row.start - start) + row.text)
    lines = tuple(Line(row.text, _moved(row.box, origin), round(row.score, 4)) for row in rows)
    return Pane("\n".join(text), lines, number + first if number else None)


def _moved(box: Box, origin: tuple[int, int]) -> Box:
    return box[0] + origin[0], box[1] + origin[1], box[2] + origin[0], box[3] + origin[1]
