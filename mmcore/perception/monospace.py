"""Read a pane of monospaced text row by row, every character in its cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mmcore.perception import align, glyphs, grid, lexis, ocr
from mmcore.perception.ink import Ink, Pixels

# A cell with less ink than this share of its area is empty: specks, the overhang of a neighbour.
LEAST_INK = 0.012


@dataclass(frozen=True, slots=True)
class Row:
    """Text from cell `start` on, with a score for each character. `line` counts the rows of the lattice."""

    text: str
    start: int
    scores: tuple[float, ...]
    line: int
    box: tuple[int, int, int, int]

    @property
    def indented(self) -> str:
        return " " * self.start + self.text

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


def look(picture: Pixels, slots: Sequence[Slot], columns: grid.Columns) -> dict[int, tuple[ocr.Glyph, ...]]:
    """The characters that the recogniser sees in each line, x in pixels of the picture."""
    strips, offsets = [], []
    for slot in slots:
        first, stop = slot.span
        left = max(0, round(columns.phase + (first - 0.4) * columns.pitch))
        right = min(picture.shape[1], round(columns.phase + (stop + 0.4) * columns.pitch))
        strips.append(picture[slot.top : slot.bottom, left:right])
        offsets.append(left)
    found = zip(slots, offsets, ocr.recognise(strips), strict=True)
    return {slot.line: tuple(replace(glyph, x=glyph.x + left) for glyph in seen) for slot, left, seen in found}


def place(
    seen: Mapping[int, tuple[ocr.Glyph, ...]], slots: Sequence[Slot], columns: grid.Columns, ink: Ink | None
) -> list[Row]:
    """The characters put into the cells of their rows and, with the `ink` of the picture, compared with each other."""
    cells: list[glyphs.Cell] = []
    for number, slot in enumerate(slots):
        if _is_wide(seen.get(slot.line, ())):
            continue
        moved = [replace(glyph, x=glyph.x - columns.phase) for glyph in seen.get(slot.line, ())]
        for column, glyph in enumerate(align.place(moved, slot.written, columns.pitch)):
            if slot.written[column]:
                x = columns.phase + column * columns.pitch
                top, bottom = (slot.baseline + share * columns.pitch for share in (-glyphs.ABOVE, glyphs.BELOW))
                cells.append(glyphs.Cell(number, column, glyph, x, top, bottom))
    settled = glyphs.agree(cells, ink, columns.pitch) if ink is not None else [cell.glyph for cell in cells]
    texts = [[" "] * len(slot.written) for slot in slots]
    scores = [[1.0] * len(slot.written) for slot in slots]
    for cell, glyph in zip(cells, settled, strict=True):
        texts[cell.row][cell.column] = glyph.text[:1] if glyph else " "
        scores[cell.row][cell.column] = glyph.score if glyph else 0.0
    rows = []
    for slot, text, score in zip(slots, texts, scores, strict=True):
        first, stop = slot.span
        if _is_wide(seen.get(slot.line, ())):
            # Ideographs are rarely two cells wide outside of terminals: the row is taken as it was read.
            read = _spaced(seen[slot.line], columns.pitch)
            text, score = [" "] * first + [glyph.text for glyph in read], [1.0] * first + [g.score for g in read]
            stop = len(text)
        row = Row("".join(text[first:stop]), first, tuple(score[first:stop]), slot.line, _box(slot, columns))
        rows.append(_trimmed(replace(row, text=lexis.settle(row.text))))
    return [row for row in rows if row.text]


def _is_wide(seen: Sequence[ocr.Glyph]) -> bool:
    return len({glyph.text for glyph in seen if glyphs.is_ideograph(glyph.text) and glyph.score > 0.6}) >= 2


def _spaced(seen: Sequence[ocr.Glyph], pitch: float) -> list[ocr.Glyph]:
    """The characters of a row with ideographs, and a space wherever the distance leaves room for one."""
    spaced: list[ocr.Glyph] = []
    for glyph in seen:
        if glyph.text.isspace() or len(glyph.text) != 1:
            continue
        if spaced:
            widths = [
                1.8 if glyphs.is_ideograph(text) or ord(text) > 0x3000 else 1.0
                for text in (spaced[-1].text, glyph.text)
            ]
            room = (glyph.x - spaced[-1].x) / pitch - sum(widths) / 2
            spaced += [ocr.Glyph(" ", 1.0, glyph.x)] * max(0, round(room - 0.1))
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
    count = int((mask.shape[1] - columns.phase) / columns.pitch)
    if count < 1:
        return ()
    edges = np.rint(columns.phase + np.arange(count + 1) * columns.pitch).astype(int).clip(0, mask.shape[1])
    amounts = np.add.reduceat(mask.sum(0, dtype=np.int64), edges[:-1])
    least = max(2.0, LEAST_INK * columns.pitch * mask.shape[0])
    return tuple(bool(amount >= least) for amount in amounts)
