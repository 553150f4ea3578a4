"""Let the characters of a picture vouch for each other: in one font the same character looks the same everywhere."""

from __future__ import annotations

import unicodedata

import numpy as np
from numpy.typing import NDArray

from mmcore.perception.cells import CHARACTERS, RIM, SYMBOLS, Ink

ALIKE = 0.975  # correlation from which two cells hold the same character: of `c` and `o` it is lower
MOST_CELLS = 4000
LEAST = 1e-4  # what the network holds for impossible may still be the case
# Code has few of what terminals draw with, which looks like some of its signs. (Natural logarithms.)
PRIOR = np.array([-0.9 if character in SYMBOLS else 0.0 for character in CHARACTERS], np.float32)
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
