"""Put the characters that the general recogniser saw in a row into the row's cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmcore.perception.ocr import Glyph

# Costs in cells: a character that stands nowhere, a written cell that nobody read.
SKIP_GLYPH = 1.3
SKIP_CELL = 0.9


def place(glyphs: Sequence[Glyph], written: Sequence[bool], pitch: float) -> list[Glyph | None]:
    """For each cell the glyph that stands in it; None for an empty one and for one that was not read.

    `glyphs` have their x relative to the first cell. Dynamic programming over both sequences: a glyph moves at the
    cost of its distance, so that one slip does not shift the rest of the row.
    """
    marks = [glyph for glyph in glyphs if not glyph.text.isspace()]
    columns = [index for index, is_written in enumerate(written) if is_written]
    rows, width = len(marks) + 1, len(columns) + 1
    cost = np.full((rows, width), np.inf)
    step = np.zeros((rows, width), np.int8)
    cost[0] = np.arange(width) * SKIP_CELL
    step[0] = 2
    cost[:, 0] = np.arange(rows) * SKIP_GLYPH
    step[:, 0] = 1
    for i, glyph in enumerate(marks, 1):
        at = glyph.x / pitch - 0.5
        for j, column in enumerate(columns, 1):
            options = (
                cost[i - 1, j - 1] + min(abs(at - column), 2.5),
                cost[i - 1, j] + SKIP_GLYPH,
                cost[i, j - 1] + SKIP_CELL,
            )
            step[i, j] = best = int(np.argmin(options))
            cost[i, j] = options[best]
    placed: list[Glyph | None] = [None] * len(written)
    i, j = len(marks), len(columns)
    while i or j:
        if step[i, j] == 0 and i and j:
            placed[columns[j - 1]] = marks[i - 1]
            i, j = i - 1, j - 1
        elif step[i, j] == 1 and i:
            i -= 1
        else:
            j -= 1
    return placed
