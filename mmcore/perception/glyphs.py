"""Let the characters of a picture vouch for each other: in one font the same character looks the same everywhere.

The recogniser sees a row at a time, drops repeated characters and takes now one letter, now another for the same shape.
Cells that look alike are compared here, and the reading that most of them have corrects the few and fills the unread.
Nothing is put where no ink is, and no character that was not read somewhere in the picture on the same shape.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from mmcore.perception.ocr import Glyph

Ink = NDArray[np.float32]
Vectors = NDArray[np.float32]

WIDTH, HEIGHT = 12, 24  # of a cell when it is compared
ALIKE = 0.965  # cosine from which two cells hold the same character
SIMILAR = 0.8  # and from which one that was not read may be the same: the likest decide
BESIDE = 0.6  # the same between neighbours that are drawn as one, as ligatures are
SHARE = 0.8  # of the votes of all alike cells, to overrule what was read in one
SURE = 0.97  # what was read with this certainty is not overruled
FEWEST = 3
MOST_CELLS = 4000
# A cell is compared from ABOVE to BELOW its baseline, in widths of a character: that is the same in every font and at
# every distance of lines.
ABOVE, BELOW = 1.5, 0.42
# In heights of such a cell. FLAT: a sign lower than this is no letter. CARET: the middle of `^` is above, that of `~`
# below; its feet are above CARET_FOOT. BAR: where `|` reaches and letters do not. BASELINE: what is below it is `_`.
# NARROW is in widths.
FLAT, CARET, CARET_FOOT, BAR, BASELINE, NARROW = 0.3, 0.4, 0.68, (0.26, 0.845), 0.76, 0.4
REPEATED = frozenset("=_-^~.*#+\"'`<>|&:/!?")
# One sign where code has two or three: fonts draw them joined.
JOINED = {
    "≠": "!=",
    "≤": "<=",
    "≥": ">=",
    "→": "->",
    "⇒": "=>",
    "≡": "==",
    "←": "<-",
    "…": "..",
    "»": ">>",
    "«": "<<",
    "Ⅱ": "||",
    "‖": "||",
}
# Signs of other scripts that look like those of code, when they stand among them.
LOOKALIKES = {
    **dict.fromkeys("Λ∧ˆ", "^"),
    **dict.fromkeys("′’‘", "'"),
    **dict.fromkeys("“”", '"'),
    **dict.fromkeys("ニ二", "="),
    **dict.fromkeys("一ー", "-"),
    "く": "<",
    "十": "+",
    "丨": "|",
    "∶": ":",
    "子": "}",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A written cell: its row and column, what was read in it (None: nothing), and where it lies in the picture."""

    row: int
    column: int
    glyph: Glyph | None
    left: float
    top: float
    bottom: float


def plain(text: str) -> str:
    """The character that code has for this one: full-width and superscript forms, lookalikes of other scripts."""
    normal = unicodedata.normalize("NFKC", text)
    return normal if len(normal) == 1 and normal.isascii() else LOOKALIKES.get(text, text)


def agree(cells: Sequence[Cell], ink: Ink, pitch: float) -> list[Glyph | None]:
    """What each cell holds when all have been compared."""
    readings = _plain(cells)
    if not cells or len(cells) > MOST_CELLS:
        return readings
    vectors = _vectors(cells, ink, pitch)
    readings = _split_joined(cells, readings)
    readings = _by_shape(vectors, readings)
    similar = vectors @ vectors.T
    readings = _repeat(cells, readings, similar)
    labels = sorted({glyph.text for glyph in readings if glyph})
    if not labels:
        return readings
    index = {label: number for number, label in enumerate(labels)}
    votes = np.zeros((len(cells), len(labels)), np.float32)
    for number, glyph in enumerate(readings):
        if glyph:
            votes[number, index[glyph.text]] = glyph.score**2
    close = np.where(similar >= ALIKE, similar, 0).astype(np.float32)
    overruling, filling = close @ votes, np.where(similar >= SIMILAR, similar**16, 0).astype(np.float32) @ votes
    settled: list[Glyph | None] = []
    for number, glyph in enumerate(readings):
        tally = filling[number] if glyph is None else overruling[number]
        best = int(tally.argmax())
        share = float(tally[best] / tally.sum()) if tally.sum() > 0 else 0.0
        # Of capital and small letters the recogniser, which sees the whole row, is the better judge.
        certain = glyph is not None and (
            glyph.score >= SURE
            or (close[number] > 0).sum() <= FEWEST
            or labels[best].casefold() == glyph.text.casefold()
        )
        if share >= (SHARE if glyph else 0.5) and not certain:
            settled.append(Glyph(labels[best], share, glyph.x if glyph else 0.0))
        else:
            settled.append(glyph)
    return _repeat(cells, settled, similar)


def is_ideograph(text: str) -> bool:
    return "\u3400" <= text[:1] <= "\u9fff"


def _plain(cells: Sequence[Cell]) -> list[Glyph | None]:
    return [replace(cell.glyph, text=plain(cell.glyph.text)) if cell.glyph else None for cell in cells]


def _vectors(cells: Sequence[Cell], ink: Ink, pitch: float) -> Vectors:
    """Every cell as a vector of length one, sampled where the grid says, to a fraction of a pixel."""
    soft = cv2.GaussianBlur(ink, (0, 0), 0.6)
    vectors = np.zeros((len(cells), WIDTH * HEIGHT), np.float32)
    for number, cell in enumerate(cells):
        height = cell.bottom - cell.top
        scale_x, scale_y = pitch / WIDTH, height / HEIGHT
        matrix = np.array([[scale_x, 0, cell.left + 0.5 * scale_x - 0.5], [0, scale_y, cell.top + 0.5 * scale_y - 0.5]])
        part = cv2.warpAffine(soft, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        vectors[number] = part.ravel()
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    return vectors


def _split_joined(cells: Sequence[Cell], readings: list[Glyph | None]) -> list[Glyph | None]:
    """`≠` over two cells is `!=`."""
    at = {(cell.row, cell.column): number for number, cell in enumerate(cells)}
    split = list(readings)
    for number, cell in enumerate(cells):
        glyph = readings[number]
        if glyph is None or glyph.text not in JOINED:
            continue
        first, second = JOINED[glyph.text][0], JOINED[glyph.text][1]
        after, before = at.get((cell.row, cell.column + 1)), at.get((cell.row, cell.column - 1))
        if after is not None and readings[after] is None:
            split[number], split[after] = replace(glyph, text=first), replace(glyph, text=second)
        elif before is not None and readings[before] is None:
            split[before], split[number] = replace(glyph, text=first), replace(glyph, text=second)
    return split


def _by_shape(vectors: Vectors, readings: list[Glyph | None]) -> list[Glyph | None]:
    """Signs that are told by where their ink is, and that are read as letters or not at all.

    Tracebacks and compilers underline with rows of `^`, `~` and `-` and draw margins of `|`; ligatures join `=`.
    """
    pictures = vectors.reshape(len(vectors), HEIGHT, WIDTH)
    settled = list(readings)
    for number, glyph in enumerate(readings):
        sign = _sign(pictures[number], glyph.text if glyph else "")
        if sign:
            settled[number] = Glyph(sign, glyph.score if glyph else 0.5, glyph.x if glyph else 0.0)
    return settled


def _sign(picture: NDArray[np.float32], read: str) -> str:
    """The sign that this cell holds; empty where its shape alone does not tell, or what was read may stand."""
    rows, columns = picture.sum(1), picture.sum(0)
    used = np.flatnonzero(rows > 0.12 * rows.max())
    across = np.flatnonzero(columns > 0.12 * columns.max())
    if not len(used) or not len(across):
        return ""
    top, bottom = used[0] / HEIGHT, (used[-1] + 1) / HEIGHT
    if across[-1] - across[0] < NARROW * WIDTH and top < BAR[0] and bottom > BAR[1]:
        return "|" if read in ("", "1", "I", "l", "i", "丨", "!") else ""
    if read and not (read.isalnum() or read in "Δ△^~'"):
        return ""
    wide = across[-1] - across[0] >= 0.5 * WIDTH
    if wide and bottom < CARET_FOOT and read in ("", "A", "Δ", "△", "a", "n") and _widens(picture[used]):
        return "^"
    if bottom - top > FLAT + 1 / HEIGHT:
        return "=" if not read and _is_level(picture[used[0] : used[-1] + 1]) else ""
    halves = picture[:, : WIDTH // 2].sum(1), picture[:, WIDTH // 2 :].sum(1)
    heights = [float((half * np.arange(HEIGHT)).sum() / max(float(half.sum()), 1e-6)) for half in halves]
    if (top + bottom) / 2 < CARET:
        narrow = across[-1] - across[0] < 0.6 * WIDTH
        if _widens(picture[used]):
            return "" if read == "'" else "^"
        if narrow and read in ("", "'"):
            return "`" if _falls(picture[used]) else "'" if not read else ""
        return ""
    if abs(heights[0] - heights[1]) > 0.35 and not _is_narrow(across):
        return "~" if read != "'" else ""
    if not read and _is_level(picture[used[0] : used[-1] + 1]):
        return "_" if top > BASELINE else "=" if (np.diff(used) > 1).any() else "-"
    return ""


def _is_narrow(across: NDArray[np.intp]) -> bool:
    """Dots and commas are no wave."""
    return bool(across[-1] - across[0] < 0.5 * WIDTH)


def _is_level(picture: NDArray[np.float32]) -> bool:
    """Whether every column of the cell looks the same: bars that run through."""
    return bool(np.abs(picture - picture.mean(1, keepdims=True)).mean() < 0.35 * picture.mean())


def _falls(picture: NDArray[np.float32]) -> bool:
    """From the upper left to the lower right, as a backtick does."""
    columns = np.arange(picture.shape[1])
    half = max(1, len(picture) // 2)
    parts = picture[:half].sum(0), picture[-half:].sum(0)
    middles = [float((part * columns).sum() / max(float(part.sum()), 1e-6)) for part in parts]
    return middles[1] - middles[0] > 0.06 * WIDTH


def _widens(picture: NDArray[np.float32]) -> bool:
    """A caret is narrow above and wide below; quotation marks are as wide above."""
    columns = np.arange(picture.shape[1])
    spreads = []
    for part in (picture[: max(1, len(picture) // 3)].sum(0), picture[-max(1, len(picture) // 3) :].sum(0)):
        weight = part / max(float(part.sum()), 1e-6)
        middle = float((weight * columns).sum())
        spreads.append(float((weight * np.abs(columns - middle)).sum()))
    return spreads[1] > 1.25 * spreads[0]


def _repeat(cells: Sequence[Cell], readings: list[Glyph | None], similar: NDArray[np.float32]) -> list[Glyph | None]:
    """Runs of one sign, of which the recogniser drops some: an unread cell that looks like its neighbour."""
    at = {(cell.row, cell.column): number for number, cell in enumerate(cells)}
    filled = list(readings)
    order = sorted(range(len(cells)), key=lambda number: (cells[number].row, cells[number].column))
    for step, sequence in ((-1, order), (1, order[::-1])):
        for number in sequence:
            if filled[number] is not None:
                continue
            beside = at.get((cells[number].row, cells[number].column + step))
            glyph = filled[beside] if beside is not None else None
            if glyph and beside is not None and glyph.text in REPEATED and similar[number, beside] >= BESIDE:
                filled[number] = glyph
    return filled
