"""Put pieces of text that stand beside each other on lines, with the space between them kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from mmcore.types import Line

Box = tuple[int, int, int, int]


def rows_of(pieces: Iterable[Line]) -> list[list[Line]]:
    """Pieces that share more than half of their height with a row's first piece belong to it, left to right."""
    rows: list[list[Line]] = []
    for piece in sorted(pieces, key=lambda piece: (piece.box[1] + piece.box[3], piece.box[0])):
        for row in reversed(rows[-3:]):
            if _shared_height(row[0].box, piece.box) > 0.5:
                row.append(piece)
                break
        else:
            rows.append([piece])
    return [sorted(row, key=lambda piece: piece.box[0]) for row in rows]


def lay_out(pieces: Sequence[Line]) -> tuple[str, tuple[Line, ...]]:
    """The text of all rows, indented and spaced by the median width of a character, and one `Line` for each row."""
    if not pieces:
        return "", ()
    pitch = median((piece.box[2] - piece.box[0]) / max(1, len(piece.text)) for piece in pieces)
    rows = rows_of(pieces)
    margin = min(row[0].box[0] for row in rows)
    indented: list[str] = []
    lines: list[Line] = []
    for row in rows:
        text = ""
        for piece in row:
            column = round((piece.box[0] - margin) / max(pitch, 1.0))
            gap = max(column - len(text), 1 if text else 0)
            text += " " * gap + piece.text
        boxes = [piece.box for piece in row]
        box = (min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes))
        lines.append(Line(text.strip(), box, min(piece.score for piece in row)))
        indented.append(text)
    return "\n".join(indented), tuple(lines)


def _shared_height(first: Box, second: Box) -> float:
    shared = min(first[3], second[3]) - max(first[1], second[1])
    return shared / max(1, min(first[3] - first[1], second[3] - second[1]))
