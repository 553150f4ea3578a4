"""Tell the thin lines that editors draw from writing: those behind indented code, and those under words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from mmcore.perception.grid import Columns, Ink, Rows
from mmcore.perception.ink import Pixels

Mask = NDArray[np.uint8]
Values = TypeVar("Values", Mask, Ink)

FAINTEST = 0.025  # of full contrast: themes draw them just visible
SHORTEST = 1.6  # heights of a row: no letter is as high
# And of a guide that has a piece in every row, which is no part of a letter when nothing stands beside it.
SHORTEST_PIECE, FEWEST_PIECES = 0.55, 3
THICKEST = 3  # pixels
# Of a row's height below its baseline: no letter reaches there where lines are as far apart as in editors.
START, STOP = 0.2, 0.42
# Of the ink in rows what a minimap has between them; how much more there is, in heights of a row; and in how many rows.
AS_MUCH, LEAST_EVIDENCE, FEWEST_ROWS = 0.5, 1.5, 2
WIDEST_MAP, WIDEST_START = 160, 40  # pixels: 120 letters and a scroll bar; what is searched left of where it is dense
WIDEST_RULER, WHOLE = 24, 0.9  # pixels; share of a pane's height
# Of a row's height: capitals reach less, `|` stands in the middle of its cell.
SHORTEST_CURSOR = 0.8
BESIDE_CELLS = (0.3, 0.7)
# Of 255, how far the colour of a block is from that of the pane; of a row's height; of its rectangle, without a letter;
# of its last row, which a letter may reach; and of its first, which may be known to a pixel.
LEAST_BLOCK, SHORTEST_BLOCK, FILLED, LEAST_END, FULL = 60, 0.75, 0.35, 0.4, 0.8
# Of a cell; of a row's height, where a dot for a space stands above the baseline; and how many there are.
LARGEST_DOT, DOT_HEIGHT, DOT_ROOM, FEWEST_DOTS = 0.36, 0.24, 0.09, 4
FAINT = 0.5  # of the contrast of writing
STRONGEST_BORDER, SHORTEST_BORDER = 0.25, 0.3  # of the contrast of writing; of the width
LONGEST_SIGN = 2.6  # cells: an underline is longer, `__` is not
WITH_LETTERS = 0.5  # share of an underline that has letters above it: gaps between them and words are less
# Of a cell: what stands in the middle of it was written, guides are drawn between cells.
WRITTEN = (0.33, 0.67)


@dataclass(frozen=True, slots=True)
class Guide:
    """A line from `top` to `bottom` whose left and right edge are `left` and `right`, in pixels."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2


def find_guides(ink: Ink, row_height: float) -> list[Guide]:
    length = max(12, round(SHORTEST * row_height)) | 1
    solid = (ink > FAINTEST).astype(np.uint8)
    return list(dict.fromkeys([*_bars(solid, length), *_broken(ink, solid, row_height)]))


def _broken(ink: Ink, solid: Mask, row_height: float) -> list[Guide]:
    """Guides of which every row has a piece of its own, shorter than it is high: faint, alone, of one shade."""
    strongest = FAINT * float(np.percentile(ink[solid > 0], 90)) if solid.any() else 0.0
    alone = solid & (ink < strongest)
    alone[:, 1:] &= 1 - solid[:, :-1]
    alone[:, :-1] &= 1 - solid[:, 1:]
    # Some are dotted.
    joined = np.asarray(cv2.morphologyEx(alone, cv2.MORPH_CLOSE, np.ones((3, 1), np.uint8)), np.uint8)
    pieces = _bars(joined, max(7, round(SHORTEST_PIECE * row_height)) | 1)
    shades = [ink[bar.top : bar.bottom, bar.left] for bar in pieces]
    even = [bar for bar, shade in zip(pieces, shades, strict=True) if np.ptp(shade[shade > FAINTEST]) < FAINTEST]
    heights = [bar.bottom - bar.top for bar in even]
    rows = [math.ceil(height / row_height - 0.1) for height in heights]
    # What is missing to whole rows; pieces with a gap of one pixel are joined.
    gaps = [round(count * row_height - height) for count, height in zip(rows, heights, strict=True)]
    votes: Counter[int] = Counter()
    for gap, count in zip(gaps, rows, strict=True):
        votes[gap] += count
    usual, count = max(votes.items(), key=lambda entry: entry[1], default=(0, 0))
    return [bar for bar, gap in zip(even, gaps, strict=True) if gap == usual] if count >= FEWEST_PIECES else []


def _bars(mask: Mask, length: int) -> list[Guide]:
    """What is at least `length` pixels high and thin."""
    tall = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((length, 1), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(tall, connectivity=8)
    return [
        Guide(left, top, left + width, top + height)
        for left, top, width, height, _ in stats[1:count].tolist()
        if width <= THICKEST
    ]


def find_minimap(mask: Mask, rows: Rows) -> int:
    """Where the picture of the whole file begins that editors show at the right; the width where they show none.

    Its lines do not stand on the lattice of the code: it has as much ink between the rows as in them.
    """
    whole = int(mask.shape[1])
    ink = mask[:, : -WIDEST_MAP - 1 : -1].astype(np.float64)
    zones = [(line + round(START * rows.height), line + round(STOP * rows.height)) for line in rows.baselines]
    between = np.array([ink[start:stop].sum(0) for start, stop in zones if stop <= len(ink)])
    bodies = np.array([ink[max(0, line - round(0.4 * rows.height)) : line].sum(0) for line in rows.baselines])
    if len(between) < FEWEST_ROWS:
        return whole
    evidence = np.cumsum(between.sum(0) / (STOP - START) - AS_MUCH * bodies.sum(0) / 0.4)
    width = int(evidence.argmax()) + 1
    touched = int((between[:, :width].sum(1) > 0).sum())
    if evidence[width - 1] < LEAST_EVIDENCE * rows.height or touched < FEWEST_ROWS:
        return whole
    left = whole - width
    # Where it begins its lines are sparse.
    gaps = np.flatnonzero(~mask[:, max(0, left - WIDEST_START) : left].any(0))
    return max(0, left - WIDEST_START) + int(gaps[-1]) + 1 if len(gaps) else left


def find_ruler(guides: Sequence[Guide], shape: tuple[int, int]) -> int:
    """Where the strip begins in which editors mark, right of the text, what is where in the file: at a line from top
    to bottom; the width where there is none. `shape` is (height, width) of the pane.
    """
    height, width = shape
    whole = [g.left for g in guides if g.left >= width - WIDEST_RULER and g.bottom - g.top >= WHOLE * height]
    return min(whole, default=width)


def find_cursors(mask: Mask, columns: Columns, row_height: float) -> list[Guide]:
    """Thin bars between two cells that are higher than letters: where the text cursor stands."""
    bars = _bars(mask, max(8, round(SHORTEST_CURSOR * row_height)) | 1)
    places = [(bar, (bar.middle - columns.phase) / columns.pitch % 1) for bar in bars if not _is_bracket(mask, bar)]
    return [bar for bar, place in places if not BESIDE_CELLS[0] < place < BESIDE_CELLS[1]]


def find_blocks(picture: Pixels, columns: Columns, row_height: float) -> tuple[list[Guide], list[Guide]]:
    """Text cursors as wide as a cell, of one colour, whether or not a letter stands there: filled ones and frames."""
    usual = np.median(picture[::3, ::3].reshape(-1, 3), 0)
    packed = picture.astype(np.int32) @ np.array([1, 256, 65536], np.int32)
    number = int((picture.shape[1] - columns.phase) / columns.pitch)
    edges = np.clip(np.round(columns.phase + columns.pitch * np.arange(number + 1)).astype(int), 0, picture.shape[1])
    # Runs of one colour that are as long as a cell is wide, but for rounding.
    length = round(columns.pitch) - 1
    changes = np.pad(np.cumsum(packed[:, 1:] != packed[:, :-1], 1), ((0, 0), (1, 0)))
    flat = changes[:, length - 1 :] == changes[:, : changes.shape[1] - length + 1]
    flat &= np.abs(picture[:, : flat.shape[1]].astype(np.int16) - usual.astype(np.int16)).max(2) > LEAST_BLOCK
    blocks, frames = [], []
    for colour in np.unique(packed[:, : flat.shape[1]][flat]).tolist():
        same = packed == colour
        before = np.pad(np.cumsum(same, 1), ((1, 1), (1, 0)))
        filled = (before[:, edges[1:]] - before[:, edges[:-1]]) / np.maximum(1, np.diff(edges))
        for top, cell in np.argwhere((filled[1:-1] >= FULL) & (filled[:-2] < FULL)).tolist():
            rows = filled[top + 1 : top + round(row_height) + 3, cell]
            near = max(0, int(edges[cell]) - 1)
            run = np.flatnonzero(same[top, near : int(edges[cell + 1]) + 1]) + near
            left, right = int(run[0]), int(run[-1]) + 1
            if right - left < length:
                continue
            whole = np.flatnonzero(rows >= FULL)
            # A letter may leave little of any row but the first.
            high = int(np.flatnonzero(rows >= LEAST_END)[-1]) + 1
            beside = [filled[top + 1 : top + 1 + high, x].mean() for x in (cell - 1, cell + 1) if 0 <= x < number]
            if not SHORTEST_BLOCK * row_height <= high <= row_height + 1 or max(beside, default=0.0) >= FILLED:
                continue
            if len(whole) == 2 and whole[1] == high - 1 and same[top : top + high, [left, right - 1]].all():
                frames.append(Guide(left, top, right, top + high))
            elif rows[:high].mean() >= FILLED:
                blocks.append(Guide(left, top, right, top + high))
    return blocks, frames


def _is_bracket(mask: Mask, bar: Guide) -> bool:
    """Whether both ends of the bar turn to the same side."""
    ends = [slice(bar.top, bar.top + 2), slice(bar.bottom - 2, bar.bottom)]
    beside = [x for x in (bar.left - 1, bar.right) if 0 <= x < mask.shape[1]]
    return any(all(mask[end, x].any() for end in ends) for x in beside)


def find_dots(ink: Ink, mask: Mask, baselines: Sequence[int], columns: Columns, row_height: float) -> list[Guide]:
    """The dots that editors can show in place of spaces: small, faint, in the middle of cells that have nothing else.

    None where there are few: `·` may be meant.
    """
    count, _, stats, centres = cv2.connectedComponentsWithStats(mask, connectivity=8)
    largest = max(2, round(LARGEST_DOT * columns.pitch))
    strongest = FAINT * float(np.percentile(ink[mask > 0], 90)) if mask.any() else 0.0
    found = []
    for (left, top, width, height, _), (x, y) in zip(stats[1:count].tolist(), centres[1:count], strict=True):
        dot = np.s_[top : top + height, left : left + width]
        if width > min(largest, max(2, 1.5 * height)) or height > largest or ink[dot].max() > strongest:
            continue
        place = (x + 0.5 - columns.phase) / columns.pitch % 1
        baseline = min(baselines, key=lambda line: abs(line - DOT_HEIGHT * row_height - y))
        above = (baseline - y) / row_height
        if abs(place - 0.5) > 0.25 or abs(above - DOT_HEIGHT) > DOT_ROOM:
            continue
        start = round(x + 0.5 - place * columns.pitch)
        band = mask[
            max(0, round(baseline - row_height * 0.7)) : baseline + 1, max(0, start) : start + round(columns.pitch)
        ]
        if band.sum() <= 1.2 * mask[dot].sum():
            found.append(Guide(left, top, left + width, top + height))
    return found if len(found) >= FEWEST_DOTS else []


def find_underlines(mask: Mask, baselines: Sequence[int], pitch: float) -> list[Guide]:
    """Horizontal lines below a row with letters above them all along: `____` has none."""
    # An odd kernel: it does not move what it leaves.
    length = max(8, round(LONGEST_SIGN * pitch)) | 1
    # Dots and waves under a word are joined first.
    joined = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((1, max(3, round(0.4 * pitch)) | 1), np.uint8))
    flat = cv2.morphologyEx(joined, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(flat, connectivity=8)
    found = []
    for left, top, width, height, _ in stats[1:count].tolist():
        baseline = max((line for line in baselines if line <= top + height), default=-1)
        if height > THICKEST or baseline < 0 or not 0 <= top - baseline <= 0.5 * pitch:
            continue
        above = mask[max(0, round(baseline - pitch)) : max(1, baseline - 1), left : left + width].max(0, keepdims=True)
        if cv2.dilate(above, np.ones((1, max(3, round(0.4 * pitch))), np.uint8)).mean() > WITH_LETTERS:
            found.append(Guide(left, top, left + width, top + height))
    return found


def find_specks(mask: Mask, right: int) -> list[Guide]:
    """What ends before x = `right`."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    found = (Guide(left, top, left + width, top + height) for left, top, width, height, _ in stats[1:].tolist())
    return [speck for speck in found if speck.right <= right]


def find_borders(ink: Ink) -> list[Guide]:
    """Faint horizontal lines of one shade, as some editors draw above and below the line of the cursor."""
    strongest = STRONGEST_BORDER * float(np.percentile(ink[ink > FAINTEST], 90)) if (ink > FAINTEST).any() else 0.0
    faint = (ink > FAINTEST) & (ink < strongest)
    found = []
    for y in np.flatnonzero(faint.mean(1) >= SHORTEST_BORDER).tolist():
        shade = float(np.median(ink[y, faint[y]]))
        edges = np.flatnonzero(np.diff(np.abs(ink[y] - shade) < FAINTEST, prepend=False, append=False))
        runs = list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
        if max((stop - start for start, stop in runs), default=0) >= SHORTEST_BORDER * ink.shape[1]:
            # Where letters cross it, they are kept.
            found += [Guide(start, y, stop, y + 1) for start, stop in runs]
    return found


def drawn(guides: Sequence[Guide], columns: Columns) -> list[Guide]:
    """Those that stand between cells; the others are signs that touch the ones above and below, as `│` does."""
    places = [(guide, (guide.middle - columns.phase) / columns.pitch % 1) for guide in guides]
    return [guide for guide, place in places if not WRITTEN[0] < place < WRITTEN[1]]


def without(values: Values, guides: Sequence[Guide]) -> Values:
    """A copy of a mask or of ink with nothing where the guides are."""
    kept = values.copy()
    for guide in guides:
        kept[guide.top : guide.bottom, guide.left : guide.right] = 0
    return kept
