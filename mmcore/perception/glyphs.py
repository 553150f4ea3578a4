"""Let the characters of a picture vouch for each other: in one font the same character looks the same everywhere."""

from __future__ import annotations

import unicodedata

import numpy as np
from numpy.typing import NDArray

from mmcore.perception.cells import BASELINE, CHARACTERS, RIM, SYMBOLS, Ink

ALIKE = 0.975  # correlation from which two cells hold the same character: of `c` and `o` it is lower
MOST_CELLS = 4000
LEAST = 1e-4  # what the network holds for impossible may still be the case
# Code has few of what terminals draw with, which looks like some of its signs. (Natural logarithms.)
PRIOR = np.array([-0.9 if character in SYMBOLS else 0.0 for character in CHARACTERS], np.float32)
# Letters that differ from their capitals in nothing but size; small ones and capitals whose tops are flat or nearly so.
SAME_SHAPE, SMALL, CAPITAL = "cosvwxz", "acemnorsuvwxz", "ABCDEFGHIKLMNOPRSTUVWXZ"
# Rows of pixels between the tops of the two, at least; how much of that a top may be off; what a top halfway to the
# other is worth (natural logarithm).
LEAST_APART, MOST_OFF, WORTH = 1.5, 0.5, 16.0
CERTAIN = 0.97
# The row in the middle of a small letter; what is ink.
MIDDLE, INKED = BASELINE - 4, 0.4
INDEX = {character: index for index, character in enumerate(CHARACTERS)}
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


def plain(text: str) -> str:
    """The character that code has for this one: full-width and superscript forms, lookalikes of other scripts."""
    normal = unicodedata.normalize("NFKC", text)
    return normal if len(normal) == 1 and normal.isascii() else LOOKALIKES.get(text, text)


def is_ideograph(text: str) -> bool:
    return "\u3400" <= text[:1] <= "\u9fff"


def agree(pictures: Ink, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """What all cells that look alike say together: the geometric mean of their probabilities.

    `pictures` (cells, height, width) are as `cells.strip` makes them, `probabilities` (cells, characters).
    """
    if not len(pictures) or len(pictures) > MOST_CELLS:
        return probabilities
    vectors = pictures[:, :, RIM:-RIM].reshape(len(pictures), -1)
    vectors = vectors - vectors.mean(1, keepdims=True)
    vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    alike = (vectors @ vectors.T >= ALIKE).astype(np.float32)
    np.fill_diagonal(alike, 1)
    means = alike @ np.log(probabilities + LEAST) / alike.sum(1, keepdims=True) + PRIOR
    likelihoods = np.exp(means - means.max(1, keepdims=True))
    agreed: NDArray[np.float32] = likelihoods / likelihoods.sum(1, keepdims=True)
    return agreed


def sized(pictures: Ink, probabilities: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """`C` and `c` told by their height among the other letters of the row, or of the picture where it has none.

    `pictures` and `probabilities` as for `agree`; `rows` (cells,) are the numbers of the rows in which the cells are.
    """
    best, found = probabilities.argmax(1), probabilities.copy()
    certain = probabilities.max(1) >= CERTAIN
    tops = _tops(pictures)
    small, capital = (certain & np.isin(best, [INDEX[letter] for letter in letters]) for letters in (SMALL, CAPITAL))
    if not small.any() or not capital.any():
        return probabilities
    for letter in SAME_SHAPE:
        pair = [INDEX[letter], INDEX[letter.upper()]]
        for cell in np.flatnonzero(np.isin(best, pair) & ~certain):
            low, high = (_typical(tops, kind, rows == rows[cell]) for kind in (small, capital))
            size = (low - tops[cell]) / max(low - high, 1e-6)  # 0 of a small letter, 1 of a capital
            if low - high < LEAST_APART or not -MOST_OFF <= size <= 1 + MOST_OFF:
                continue
            weights = (found[cell, pair] + LEAST) * np.exp(WORTH * (size - 0.5) * np.array([-0.5, 0.5]))
            found[cell, pair] = weights / weights.sum() * found[cell, pair].sum()
    return found


def _typical(tops: NDArray[np.float32], kind: NDArray[np.bool_], row: NDArray[np.bool_]) -> float:
    return float(np.median(tops[kind & row] if (kind & row).any() else tops[kind]))


def _tops(pictures: Ink) -> NDArray[np.float32]:
    """How far up the ink of each cell reaches from the middle of a small letter, in rows of pixels, with a fraction."""
    strongest = pictures[:, :, RIM:-RIM].max(2)[:, :MIDDLE][:, ::-1]
    length = np.where((strongest <= INKED).any(1), (strongest <= INKED).argmax(1), MIDDLE)
    beyond = np.take_along_axis(strongest, np.minimum(length, MIDDLE - 1)[:, None], 1)[:, 0]
    tops: NDArray[np.float32] = MIDDLE - length - beyond * (length < MIDDLE)
    return tops
