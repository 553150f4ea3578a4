"""Take away what lies behind single characters: a search match, a matched bracket, a marked fault.

`ink.find_ink` knows surfaces that are wide enough to write on; behind one character there is no room for that.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmcore.perception.grid import Columns
from mmcore.perception.guides import Guide
from mmcore.perception.ink import SAME, Ink, Pixels
from mmcore.perception.monospace import Slot

# Ink below this share of full contrast is noise.
FAINTEST = 0.06
# A highlight is this high at least, in widths of a character: more than a letter of the narrowest fonts.
LOWEST = 1.4
# What has less ink than this share inside is a block, a cursor or a box, and no highlight.
LEAST_INSIDE = 0.04
# Share of each side that has to be there.
WHOLE = 0.85
CLEAR_ROWS = 3
# And where a tall character reaches the rim, as `$` may, and `g` in a terminal.
REACHED = 0.4
# And of a column beside which a wide character stands.
BESIDE = 0.4
# A cell that is filled less than this is not worth a look.
FILLED = 0.5


def lift(picture: Pixels, ink: Ink, slots: Sequence[Slot], columns: Columns) -> Ink:
    """`ink` (height, width) without highlights of single cells, which become the surface."""
    lifted = ink.copy()
    least = LOWEST * columns.pitch
    for slot in slots:
        colour: NDArray[np.uint8] | None = None
        for left, right in _cells(slot, columns, ink.shape[1]):
            # A pixel more on either side: where a highlight begins is rounded.
            cell = np.s_[slot.top : slot.bottom, max(0, left - 1) : right + 1]
            filled = np.mean(ink[slot.top : slot.bottom, left:right] > FAINTEST) >= FILLED
            colour = _lift_fill(picture[cell], ink[cell], lifted[cell], least, colour) if filled else None
    return lifted


def lift_blocks(picture: Pixels, ink: Ink, blocks: Sequence[Guide]) -> tuple[Pixels, Ink]:
    """The picture and its ink without the blocks that stand for text cursors, but with the letters in them."""
    picture, lifted = picture.copy(), ink.copy()
    usual = np.median(picture[::3, ::3].reshape(-1, 3), 0)
    ends = np.where(usual < 128, 255, 0)
    strongest = float(np.percentile(ink[ink > FAINTEST], 90)) if (ink > FAINTEST).any() else 1.0
    for block in blocks:
        cell = np.s_[block.top : block.bottom, block.left : block.right]
        shades, counts = np.unique(picture[cell].reshape(-1, 3), axis=0, return_counts=True)
        inside = np.abs(picture[cell].astype(np.int16) - shades[counts.argmax()]).max(2).astype(np.float32) / 255
        inside[inside <= FAINTEST] = 0
        # As strong as writing elsewhere.
        lifted[cell] = inside * (strongest / max(FAINTEST, float(inside.max())))
        picture[cell] = np.round(usual + (ends - usual) * lifted[cell][:, :, None])
    return picture, lifted


def _cells(slot: Slot, columns: Columns, width: int) -> list[tuple[int, int]]:
    starts = [columns.phase + number * columns.pitch for number, written in enumerate(slot.written) if written]
    edges = [(round(start), min(width, round(start + columns.pitch))) for start in starts]
    return [(max(0, left), right) for left, right in edges if right - left >= 4]


def _lift_fill(
    picture: Pixels, ink: Ink, lifted: Ink, least: float, before: NDArray[np.uint8] | None
) -> NDArray[np.uint8] | None:
    """Measure a cell, a pixel wider on either side, from its highlight; whose colour is returned.

    A cell with nothing inside is a block, unless the cell before, whose colour is `before`, was a highlight too: then
    it is a space.
    """
    written = ink > FAINTEST
    written[:, 3:-3] = False
    if not written.any():
        return None
    shades, counts = np.unique(picture[written], axis=0, return_counts=True)
    colour: NDArray[np.uint8] = shades[counts.argmax()]
    distance = np.abs(picture.astype(np.int16) - colour).max(2)
    near = distance <= SAME
    # A wide character may touch one side of its cell, hardly both.
    rows = np.flatnonzero(near[:, :3].any(1) | near[:, -3:].any(1))
    if not len(rows):
        return None
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    across = np.flatnonzero(near[rows].mean(0) >= BESIDE)
    if bottom - top < least or not len(across):
        return None
    left, right = int(across[0]), int(across[-1]) + 1
    # In small cells a character touches both sides, and there is room above and below it.
    clear = (near[top:bottom, left:right].mean(1) >= WHOLE).sum()
    if len(rows) < WHOLE * (bottom - top) and clear < CLEAR_ROWS:
        return None
    ends = sorted((float(near[top, left:right].mean()), float(near[bottom - 1, left:right].mean())))
    if right - left < near.shape[1] - 3 or ends[0] < REACHED or ends[1] < WHOLE:
        return None
    inside = distance[top:bottom, left:right].astype(np.float32) / 255
    goes_on = before is not None and int(np.abs(before.astype(np.int16) - colour).max()) <= SAME
    if np.mean(inside > FAINTEST) < LEAST_INSIDE and not goes_on:
        return None
    lifted[top:bottom, left:right] = inside
    return colour
