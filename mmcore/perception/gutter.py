"""Tell line numbers from code by a vote of all rows, so that one misread digit does not shift the margin."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mmcore.perception.monospace import Row

NUMBER = re.compile(r"^\D{0,2}?(\d{1,6})(?=\s|\W?$)")
# What editors draw between number and code: marks of changes, fold arrows, breakpoints, bars.
FEWEST_VOTES = 3
MAJORITY = 0.6
# Code whose leftmost line begins further than this from the numbers is indented throughout.
WIDEST_MARGIN = 5


@dataclass(frozen=True, slots=True)
class Gutter:
    """`first` is the number of lattice line 0; the numbers end before cell `stop`, in all `lines` that have one."""

    first: int
    stop: int
    lines: tuple[int, ...]


def find_gutter(rows: Sequence[Row]) -> Gutter | None:
    numbered = [(row, match) for row in rows if (match := NUMBER.match(row.text))]
    votes = Counter(int(match[1]) - row.line for row, match in numbered)
    if not votes:
        return None
    first, count = votes.most_common(1)[0]
    if count < FEWEST_VOTES or count < MAJORITY * len(rows):
        return None
    # Numbers are set flush right, or, in a few editors, flush left: then the longest ends last.
    agreeing = [(row, match) for row, match in numbered if int(match[1]) - row.line == first]
    stop = max(row.start + match.end(1) for row, match in agreeing)
    return Gutter(first, stop, tuple(row.line for row, _ in agreeing))


def margin(rows: Sequence[Row], stop: float | None) -> int:
    """The cell where unindented code begins, when the numbers, if any, end at `stop` (in cells, with a fraction)."""
    if not rows:
        return 0
    leftmost = min(row.start for row in rows)
    if stop is None or leftmost - stop <= WIDEST_MARGIN:
        return leftmost
    # Nothing in view is unindented: the margin lies whole steps of indentation further left.
    depths = [row.start - leftmost for row in rows if row.start > leftmost]
    unit = 2 if sum(depth % 4 == 2 for depth in depths) * 3 > len(depths) else 4
    return leftmost - unit * math.ceil((leftmost - stop - WIDEST_MARGIN) / unit)
