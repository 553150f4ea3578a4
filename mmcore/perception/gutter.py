"""Tell line numbers from code by a vote of all rows, so that one misread digit does not shift the margin."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from mmcore.perception.grid import ABOVE, Columns, Rows, best_phase
from mmcore.perception.monospace import Row, Slot, slots_of
from mmcore.perception.nesting import chances_of_depths, step_of

Mask = NDArray[np.uint8]

NUMBER = re.compile(r"^\D{0,2}?(\d{1,6})\b")
FEWEST_VOTES = 3
MAJORITY = 0.5
# In cells: how wide numbers are at most, with a mark or two beside them, and the empty column after them at least.
WIDEST, GAP, WIDER = 9.0, 0.5, 0.3
# Share of the rows that may have something else there, as a tab of the same colour as the code.
STRAY = 0.12
# In cells: code begins no further than this from the numbers, and no further from the end of the surface that some
# editors give to these. Beyond the usual margins (again without and with a surface) each is the rarer, by the square of
# what it has more (natural logarithm).
WIDEST_MARGIN, WIDEST_SHADED = 4.5, 2.0
USUAL_MARGIN, USUAL_SHADED, RARER = 1.25, 0.5, 0.45
# Where numbers end is known to so much of a cell.
NEXT_CELL = 0.4
# Pixels by which a cell of a terminal is no whole number of them; of a cell, how far its digits are from the middle.
WHOLE_PIXELS, OFF_GRID = 0.025, 0.15
# And the narrowest margins, without and with a surface for the numbers: that may end where the code begins.
NARROWEST_MARGIN, NARROWEST_SHADED = 0.5, -0.2
# A sign that is no part of code when it stands alone, and how far from the numbers marks are, in cells.
MARK = re.compile(r"[^-*#+/{}()\[\]] ")
WIDEST_MARKS = 3.0
# Nor is what the network has never seen.
SURELY_CODE = 0.6
# Cells from one line of indentation to the next; what is further apart marks the longest lines.
STEPS = (2, 3, 4, 8)
# The chance of being nested from which on code on the grid of its numbers begins in the next cell but one.
LEAST_NESTED = 0.01
# Of being nested one step more than the deepest that is told apart, again and again.
DEEPER = 0.4
# The lines of a comment that has begun above stand one further right.
STARRED = re.compile(r"\*(?=/|\s|$)")


@dataclass(frozen=True, slots=True)
class Gutter:
    """`first` is the number of lattice line 0; the numbers end before `edge`, in pixels, and stand on `lines`."""

    first: int
    edge: int
    lines: range


def find_gutter(
    mask: Mask, rows: Rows, columns: Columns, read: Callable[[Sequence[Slot], Columns], Sequence[Row]]
) -> Gutter | None:
    """None where no column of numbers that count up stands to the left. `read` says what a few cells hold."""
    for edge in _edges(mask, rows, columns.pitch):
        part = mask.copy()
        part[:, edge:] = 0
        # Numbers are set on a grid of their own in many editors.
        _, phase = best_phase(part.sum(0, dtype=np.float64), columns.pitch, 0.5)
        own = Columns(columns.pitch, phase, 0.0)
        slots = slots_of(part, rows, own)
        found = count_up(read(slots, own))
        if found is not None:
            return Gutter(found[0], edge, found[1])
    return None


def is_on_grid(numbers: Mask, columns: Columns) -> bool:
    """Whether the digits stand in cells of the code's grid, and these are of whole pixels: as terminals draw."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(numbers, connectivity=8)
    left, width, height = stats[1:count, cv2.CC_STAT_LEFT], stats[1:count, cv2.CC_STAT_WIDTH], stats[1:count, 3]
    if count == 1 or abs(columns.pitch - round(columns.pitch)) > WHOLE_PIXELS:
        return False
    high = height >= np.median(height)
    places = (left[high] + width[high] / 2 - columns.phase) / columns.pitch
    # The mean on a circle: just before the end of a cell is near to just after its beginning.
    middle = np.angle(np.mean(np.exp(2j * np.pi * (places - 0.5)))) / (2 * np.pi)
    return bool(abs(middle) <= OFF_GRID)


def count_up(rows: Sequence[Row]) -> tuple[int, range] | None:
    """The number of lattice line 0 on which most rows agree, and the lines from the first of these to the last."""
    numbered = [(row, match) for row in rows if (match := NUMBER.match(row.text))]
    votes = Counter(int(match[1]) - row.line for row, match in numbered)
    if not votes:
        return None
    first, count = votes.most_common(1)[0]
    if count < FEWEST_VOTES or count < MAJORITY * len(rows):
        return None
    agreeing = [row.line for row, match in numbered if _is_nearly(match[1], str(first + row.line))]
    return first, range(min(agreeing), max(agreeing) + 1)


def _is_nearly(read: str, meant: str) -> bool:
    """Whether at most one digit is misread, as in a line that scrolling has cut a little."""
    wrong = sum(one != other for one, other in zip(read, meant, strict=False))
    return len(read) == len(meant) and wrong < min(2, len(meant))


def _edges(mask: Mask, rows: Rows, pitch: float) -> Iterator[int]:
    """Where a column of numbers may end: at columns that are empty in nearly all rows, from the left, near it."""
    bands = [mask[max(0, round(line - ABOVE * rows.height)) : line + 1].any(0) for line in rows.baselines]
    used = np.flatnonzero(np.sum(bands, 0) > STRAY * sum(band.any() for band in bands))
    if not len(used):
        return
    begins = int(used[0])
    gaps = [(int(start) + 1, int(stop)) for start, stop in pairwise(used.tolist()) if stop - start > GAP * pitch]
    # Some digits are a little wider than most.
    yield from (
        min(start + round(WIDER * pitch), (start + stop) // 2)
        for start, stop in gaps
        if start - begins <= WIDEST * pitch
    )


def without_marks(rows: Sequence[Row], stop: float) -> list[Row]:
    """The rows without what editors draw beside the numbers, as to fold: single signs left of all other code.

    The numbers end at `stop`, in cells; directly beside them is never code.
    """
    rows = [row for row in (_from(row, math.ceil(stop + NARROWEST_MARGIN)) for row in rows) if row.text]
    near = [row for row in rows if row.start < stop + WIDEST_MARKS]
    marked = [row for row in near if MARK.match(row.text) or row.scores[0] < SURELY_CODE]
    begins = min((row.start for row in rows if row not in marked), default=0)
    return [_from(row, _second(row)) if row in marked and row.start < begins <= _second(row) else row for row in rows]


def _from(row: Row, first: int) -> Row:
    kept = row.text[max(0, first - row.start) :].lstrip()
    skipped = len(row.text) - len(kept)
    return replace(row, text=row.text[skipped:], start=row.start + skipped, scores=row.scores[skipped:])


def _second(row: Row) -> int:
    return row.start + 1 + len(row.text[1:]) - len(row.text[1:].lstrip())


def margin(
    rows: Sequence[Row], stop: float, guides: Sequence[int] = (), *, shaded: bool = False, on_one_grid: bool = False
) -> int:
    """The cell where unindented code begins, when the numbers, or their surface if they are `shaded`, end at `stop` (in
    cells, with a fraction).

    `guides` are the cells before which lines of indentation are drawn; the first is the margin or right of it. Numbers
    and code `on_one_grid`, as of Vim and Emacs, have one empty cell between them. Where none of that tells, it is the
    likeliest of the cells that lie whole steps left of the leftmost line, by its distance from the numbers and by how
    deep the code seems to be nested.
    """
    if not rows:
        return 0
    widest, usual = (WIDEST_SHADED, USUAL_SHADED) if shaded else (WIDEST_MARGIN, USUAL_MARGIN)
    starts = [row.start for row in rows]
    leftmost, step = min(starts), step_of(starts)
    if leftmost - 1 - stop >= NARROWEST_MARGIN and all(STARRED.match(row.text) for row in rows):
        leftmost -= 1
    drawn = [cell for cell in _outlines(guides, rows) if NARROWEST_MARGIN <= cell - stop <= widest and cell <= leftmost]
    if drawn:
        return max(drawn)
    beside = math.ceil(stop + NEXT_CELL)
    chances = chances_of_depths([(row.start, row.text) for row in rows])
    if on_one_grid and chances[0] < 1 - LEAST_NESTED and leftmost >= beside and (leftmost - beside) % 2 == 0:
        return beside
    room = leftmost - stop
    if widest < room < step:
        step = 2  # a longer one would end among the numbers

    def likelihood(depth: int) -> float:
        deeper = max(0, depth + 1 - len(chances))
        far = max(0.0, room - depth * step - usual)
        return math.log(max(chances[min(depth, len(chances) - 1)], 1e-6) * DEEPER**deeper) - RARER * far**2

    least = NARROWEST_SHADED if shaded else NARROWEST_MARGIN
    depths = [depth for depth in range(math.ceil(leftmost / step) + 1) if least <= room - depth * step <= widest]
    return min([leftmost - step * max(depths, key=likelihood, default=0), *guides])


def _outlines(guides: Sequence[int], rows: Sequence[Row]) -> list[int]:
    """The cells where lines of indentation stand, or would if there were code for them: as far apart, to the left."""
    cells = sorted(set(guides))
    steps = [(after - before, before) for before, after in pairwise(cells) if after - before in STEPS]
    if steps:
        step, first = min(steps)
        return [*range(first, -1, -step)]
    return [cell for cell in cells[:1] if cell <= max(row.start for row in rows)]
