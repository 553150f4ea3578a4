"""Read a pane of monospaced text row by row, every character in its cell."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from mmcore.perception import align, cells, glyphs, grid, lexis, ocr
from mmcore.perception.ink import Ink, Pixels
from mmcore.perception.ocr import Glyph

# A cell with less ink than this share of its area is empty: specks, the overhang of a neighbour.
LEAST_INK = 0.008
# A row with a cell that is read with less certainty is shown to the general recogniser as well.
DOUBTFUL = 0.6
# And what is read with more is not changed by what that says.
SURE = 0.9
# With more ink than this on the borders of cells, text is monospaced if it is read with this certainty on average.
CLEAR, LEAST_CERTAIN = 0.65, 0.92
# So many characters are kept for a cell, and those that are likelier.
ALTERNATIVES, LEAST_LIKELY = 5, 0.002


@dataclass(frozen=True, slots=True)
class Row:
    """Text from cell `start` on, with a score for each character. `line` counts the rows of the lattice."""

    text: str
    start: int
    scores: tuple[float, ...]
    line: int
    box: tuple[int, int, int, int]

    @property
    def score(self) -> float:
        marks = [score for score, character in zip(self.scores, self.text, strict=True) if character != " "]
        return float(np.mean(marks)) if marks else 1.0


@dataclass(frozen=True, slots=True)
class Slot:
    """A written row before it is read: which cells have ink, and where it lies."""

    line: int
    baseline: int
    top: int
    bottom: int
    written: tuple[bool, ...]

    @property
    def span(self) -> tuple[int, int]:
        """First written cell, and the one after the last."""
        return self.written.index(True), len(self.written) - self.written[::-1].index(True)


def slots_of(mask: NDArray[np.uint8], rows: grid.Rows, columns: grid.Columns) -> list[Slot]:
    found = []
    for line, baseline in enumerate(rows.baselines):
        top = max(0, round(baseline - grid.ABOVE * rows.height))
        bottom = min(mask.shape[0], round(baseline + grid.BELOW * rows.height))
        written = _written(mask[top:bottom], columns)
        if any(written):
            found.append(Slot(line, baseline, top, bottom, written))
    return found


def look(ink: Ink, slots: Sequence[Slot], columns: grid.Columns) -> list[list[Glyph | None]]:
    """What the cell network sees in every cell of every row; None where nothing is written. x counts in cells."""
    if not slots:
        return []
    strips = [cells.strip(ink, columns.phase, slot.baseline, columns.pitch, len(slot.written)) for slot in slots]
    written = [np.array(slot.written) for slot in slots]
    probabilities = cells.classify(strips, [slot.written for slot in slots])
    pictures = np.concatenate([strip[marks] for strip, marks in zip(strips, written, strict=True)])
    numbers = np.repeat(np.arange(len(slots)), [marks.sum() for marks in written])
    agreed = glyphs.agree(pictures, np.concatenate(_only(probabilities, written)))
    told = iter(glyphs.sized(pictures, agreed, numbers))
    return [[_glyph(next(told), x + 0.5) if mark else None for x, mark in enumerate(slot.written)] for slot in slots]


def digits(rows: Sequence[Sequence[Glyph | None]]) -> list[list[Glyph | None]]:
    """The rows as numbers, wherever a cell may hold a digit."""

    def digit(glyph: Glyph | None) -> Glyph | None:
        if glyph is None or glyph.text.isdigit():
            return glyph
        best = next(((text, score) for text, score in glyph.others if text.isdigit()), None)
        return replace(glyph, text=best[0], score=best[1]) if best else glyph

    return [[digit(glyph) for glyph in row] for row in rows]


def _only(rows: Sequence[NDArray[np.float32]], marks: Sequence[NDArray[np.bool_]]) -> list[NDArray[np.float32]]:
    return [row[mark] for row, mark in zip(rows, marks, strict=True)]


def _glyph(probabilities: NDArray[np.float32], x: float) -> Glyph:
    top = np.argpartition(probabilities, -ALTERNATIVES)[-ALTERNATIVES:]
    top = top[np.argsort(-probabilities[top])]
    entries = [(cells.CHARACTERS[index], float(probabilities[index])) for index in top.tolist()]
    return Glyph(*entries[0], x, tuple(entry for entry in entries[1:] if entry[1] > LEAST_LIKELY))


def read_rows(
    picture: Pixels, ink: Ink, slots: Sequence[Slot], columns: grid.Columns, names: Collection[str]
) -> list[Row]:
    """The rows as text; none where the grid is doubtful and the text is not monospaced.

    Where the cell network is in doubt, the general recogniser is asked about the row.
    """
    seen = look(ink, slots, columns)
    scores = [glyph.score for row in seen for glyph in row if glyph]
    if columns.on_borders > CLEAR and sum(scores) < LEAST_CERTAIN * len(scores):
        return []
    seen = lexis.settle(seen, names)
    doubtful = [number for number, row in enumerate(seen) if any(glyph and _is_doubtful(glyph) for glyph in row)]
    heard = dict(zip(doubtful, _listen(picture, [slots[number] for number in doubtful], columns), strict=True))
    for number, row in heard.items():
        moved = [replace(glyph, x=glyph.x - columns.phase) for glyph in row]
        placed = align.place(moved, slots[number].written, columns.pitch)
        known = _halved(seen[number], placed)
        merged = lexis.apart([_chosen(*pair) for pair in zip(known, placed, strict=True)])
        seen[number] = [_named(glyph) for glyph in merged]
    wide = {
        number: _spaced([_narrow(row[0], seen[number], columns), *row[1:]], columns.pitch)
        for number, row in heard.items()
        if _is_wide(row)
    }
    return rows_of(slots, seen, columns, wide)


def rows_of(
    slots: Sequence[Slot],
    seen: Sequence[Sequence[Glyph | None]],
    columns: grid.Columns,
    wide: Mapping[int, Sequence[Glyph]] = MappingProxyType({}),
) -> list[Row]:
    """The glyphs of all cells as text. Rows that are `wide`, by their number, are taken as they were heard."""
    rows = []
    for number, slot in enumerate(slots):
        first, stop = slot.span
        # Ideographs are rarely two cells wide outside of terminals.
        glyphs_of_row = wide.get(number) or seen[number][first:stop]
        text = "".join(glyph.text[:1] if glyph else " " for glyph in glyphs_of_row)
        # A written cell that nobody could read counts as wrong.
        blank = [float(not written) for written in slot.written[first:stop]] if number not in wide else []
        scores = tuple(glyph.score if glyph else blank[index] for index, glyph in enumerate(glyphs_of_row))
        rows.append(_trimmed(Row(text, first, scores, slot.line, _box(slot, columns))))
    return [row for row in rows if row.text]


def _is_doubtful(glyph: Glyph) -> bool:
    return glyph.score < DOUBTFUL or glyph.text in (cells.WIDE, cells.OTHER)


def _listen(picture: Pixels, slots: Sequence[Slot], columns: grid.Columns) -> list[tuple[Glyph, ...]]:
    """The characters that the general recogniser sees in each row, x in pixels of the picture."""
    strips, offsets = [], []
    for slot in slots:
        first, stop = slot.span
        left = max(0, round(columns.phase + (first - 0.4) * columns.pitch))
        right = min(picture.shape[1], round(columns.phase + (stop + 0.4) * columns.pitch))
        strips.append(picture[slot.top : slot.bottom, left:right])
        offsets.append(left)
    found = zip(offsets, ocr.recognise(strips), strict=True)
    return [tuple(replace(glyph, x=glyph.x + left) for glyph in seen) for left, seen in found]


def _chosen(seen: Glyph | None, heard: Glyph | None) -> Glyph | None:
    """Of what the cell network and the general recogniser say about a cell, the likelier."""
    if seen is None or heard is None:
        return heard if seen is None or seen.text in (cells.WIDE, cells.OTHER) else seen
    heard = replace(heard, text=glyphs.plain(heard.text))
    if seen.text in (cells.WIDE, cells.OTHER):
        return heard
    if seen.score >= SURE or seen.text == heard.text:
        return seen
    share = next((score for text, score in seen.others if text == heard.text), 0.0)
    return heard if heard.score * (share + 0.05) > seen.score * 0.3 else seen


def _halved(seen: Sequence[Glyph | None], heard: Sequence[Glyph | None]) -> list[Glyph | None]:
    """What was seen, with `!` and `=` in two cells that are not both certain and over which `≠` was heard."""
    halved = list(seen)
    for index, glyph in enumerate(heard):
        if glyph is None or glyph.text not in lexis.JOINED:
            continue
        for first in (index, index - 1):
            pair = seen[first : first + 2] if first >= 0 else []
            if len(pair) == 2 and all(one and not one.text.isalnum() for one in pair):
                if min(one.score for one in pair if one) < SURE:
                    signs = zip((first, first + 1), lexis.JOINED[glyph.text], strict=True)
                    for place, text in signs:
                        halved[place] = replace(glyph, text=text, score=SURE)
                break
    return halved


def _named(glyph: Glyph | None) -> Glyph | None:
    """A glyph that nobody knows is taken for what it looks most like, with the score that this has."""
    if glyph is None or glyph.text not in (cells.WIDE, cells.OTHER):
        return glyph
    known = [entry for entry in glyph.others if entry[0] not in (cells.WIDE, cells.OTHER)]
    return replace(glyph, text=known[0][0], score=known[0][1]) if known else None


def _narrow(heard: Glyph, seen: Sequence[Glyph | None], columns: grid.Columns) -> Glyph:
    """What was seen instead of an ideograph where the cells on both sides are empty, as at the sign of a comment."""
    cell = int((heard.x - columns.phase) / columns.pitch)
    before, alone, after = (seen[index] if 0 <= index < len(seen) else None for index in (cell - 1, cell, cell + 1))
    fits = before or after or not glyphs.is_ideograph(heard.text)
    told = alone.text if alone and alone.text.isascii() and alone.score >= SURE else ""
    return replace(heard, text=told) if told and not fits else heard


def _is_wide(seen: Sequence[Glyph]) -> bool:
    return len({glyph.text for glyph in seen if glyphs.is_ideograph(glyph.text) and glyph.score > 0.6}) >= 2


def _spaced(seen: Sequence[Glyph], pitch: float) -> list[Glyph]:
    """The characters of a row with ideographs, and a space wherever the distance leaves room for one."""
    spaced: list[Glyph] = []
    for before, glyph, after in zip([None, *seen], seen, [*seen[1:], None], strict=False):
        if glyph.text.isspace() or len(glyph.text) != 1:
            continue
        if glyph.text == "·" and before and after and (before.text + after.text).isascii():
            glyph = replace(glyph, text=".")  # in the middle of a row that is as high as an ideograph
        if spaced:
            widths = [
                1.8 if glyphs.is_ideograph(text) or ord(text) > 0x3000 else 1.0
                for text in (spaced[-1].text, glyph.text)
            ]
            room = (glyph.x - spaced[-1].x) / pitch - sum(widths) / 2
            # The ink of a full-width comma is in one half of it.
            off = 0.6 if unicodedata.category(spaced[-1].text) == "Po" and widths[0] > 1 else 0.1
            spaced += [Glyph(" ", 1.0, glyph.x)] * max(0, round(room - off))
        spaced.append(glyph)
    return spaced


def _trimmed(row: Row) -> Row:
    stripped = row.text.lstrip(" ")
    lead = len(row.text) - len(stripped)
    text = stripped.rstrip(" ")
    return replace(row, text=text, start=row.start + lead, scores=row.scores[lead : lead + len(text)])


def _box(slot: Slot, columns: grid.Columns) -> tuple[int, int, int, int]:
    first, stop = slot.span
    left, right = columns.phase + first * columns.pitch, columns.phase + stop * columns.pitch
    return (max(0, round(left)), slot.top, round(right), slot.bottom)


def _written(mask: NDArray[np.uint8], columns: grid.Columns) -> tuple[bool, ...]:
    # The last one may be cut by the rim.
    count = int((mask.shape[1] - columns.phase) / columns.pitch + 0.4)
    if count < 1:
        return ()
    edges = np.rint(columns.phase + np.arange(count + 1) * columns.pitch).astype(int).clip(0, mask.shape[1])
    amounts = np.add.reduceat(mask.sum(0, dtype=np.int64), edges[:-1])
    least = max(1.0, LEAST_INK * columns.pitch * mask.shape[0])
    return tuple(bool(amount >= least) for amount in amounts)
