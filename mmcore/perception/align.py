"""Put the characters that the general recogniser saw in a row into the row's cells."""

from __future__ import annotations

from collections.abc import Sequence

from mmcore.perception.ocr import Glyph

# Costs in cells: a character that stands nowhere, a written cell that nobody read, the farthest that one moves.
SKIP_GLYPH = 1.3
SKIP_CELL = 0.9
FARTHEST = 2.5
MATCH, DROP, LEAVE = range(3)


def place(glyphs: Sequence[Glyph], written: Sequence[bool], pitch: float) -> list[Glyph | None]:
    """For each cell the glyph that stands in it; None for an empty one and for one that was not read.

    `glyphs` have their x relative to the first cell. Dynamic programming over both sequences: a glyph moves at the
    cost of its distance, so that one slip does not shift the rest of the row.
    """
    marks = [glyph for glyph in glyphs if not glyph.text.isspace()]
    columns = [index for index, is_written in enumerate(written) if is_written]
    # Plain lists: rows are short, and calls into numpy would cost more than the arithmetic.
    above = [number * SKIP_CELL for number in range(len(columns) + 1)]
    steps = [[LEAVE] * (len(columns) + 1)]
    for glyph in marks:
        at = glyph.x / pitch - 0.5
        row, chosen = [above[0] + SKIP_GLYPH], [DROP]
        for j, column in enumerate(columns):
            match = above[j] + min(abs(at - column), FARTHEST)
            drop, leave = above[j + 1] + SKIP_GLYPH, row[j] + SKIP_CELL
            best = min(match, drop, leave)
            row.append(best)
            chosen.append(MATCH if best == match else DROP if best == drop else LEAVE)
        above = row
        steps.append(chosen)
    placed: list[Glyph | None] = [None] * len(written)
    i, j = len(marks), len(columns)
    while i or j:
        if steps[i][j] == MATCH:
            placed[columns[j - 1]] = marks[i - 1]
            i, j = i - 1, j - 1
        elif steps[i][j] == DROP:
            i -= 1
        else:
            j -= 1
    return placed
