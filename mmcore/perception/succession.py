"""Choose among the characters that a cell may hold by those that stand before and after it in code.

`c` or `o` in `proje?t`, `:` or `i` in `color? red`: the counts (`ngrams.npz`, made by `training/ngrams.py`) say what
follows what. They are used as by stupid backoff (Brants et al., 2007: Large Language Models in Machine Translation).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from math import log

import numpy as np
from numpy.typing import NDArray

from mmcore.perception.ocr import Glyph

# Characters of a sequence, and bits of a character.
ORDER, BITS = 5, 7
FOREIGN, END = 1, 2
SPACES, HEXADECIMAL = re.compile(r"[ \t]+"), re.compile(r"\b[\da-fxA-F]+\b")
BACKOFF, UNSEEN = log(0.4), log(1e-8)
# Of cells that are read with less certainty, what is likelier than this is tried; so many ways are held in mind.
CERTAIN, LEAST_SHARE, BEAM = 0.97, 0.003, 16
# The network saw the neighbours too, and knows some of what is counted here.
WEIGHT = 0.3
# What was chosen is as certain as this, at least.
CHOSEN = 0.9

Codes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Counts:
    """Sequences of 1 to `ORDER` codes, the last in the lowest bits, sorted, and the logarithms of their counts."""

    keys: Codes
    logarithms: NDArray[np.float32]
    total: float

    def of(self, keys: Codes) -> NDArray[np.float32]:
        """-inf for what was not counted."""
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[places] == keys, self.logarithms[places], -np.inf)


@dataclass(frozen=True, slots=True)
class Ways:
    """Ways to read the beginning of a row, the likeliest first: their last codes, how likely, which choices."""

    histories: Codes
    scores: NDArray[np.floating]
    picks: list[tuple[int, ...]]


def codes_of(text: str) -> list[int]:
    """Codes below 2 ** BITS. Spaces in a row count as one, and at the start of a line not at all."""
    return [_code(character) for character in SPACES.sub(" ", text).replace("\n ", "\n")]


def _code(character: str) -> int:
    """All digits have one code: which one it is, its neighbours do not tell."""
    if character == "\n":
        return END
    if character in "123456789":
        return ord("0")
    return ord(character) if " " <= character <= "~" else FOREIGN


def choose(row: Sequence[Glyph | None]) -> list[Glyph | None]:
    """The row with the likeliest character in every cell that is not certain; None is a blank."""
    text = "".join(glyph.text[:1] if glyph else " " for glyph in row)
    hexadecimal = {place for found in HEXADECIMAL.finditer(text) for place in range(*found.span())}
    choices = [_choices(glyph, place in hexadecimal) for place, glyph in enumerate(row)]
    if all(len(entries) == 1 for entries in choices):
        return list(row)
    # Spaces in a row count once.
    steps = [place for place, glyph in enumerate(row) if glyph or (place and row[place - 1])]
    ways = Ways(np.array([END], np.uint64), np.zeros(1, np.float32), [()])
    for place in steps:
        ways = _extend(ways, choices[place])
    ways = _extend(ways, [("\n", 1.0)])
    picks = dict(zip(steps, ways.picks[0], strict=False))
    return [_picked(glyph, choices[place], picks.get(place, 0)) for place, glyph in enumerate(row)]


def _choices(glyph: Glyph | None, hexadecimal: bool) -> list[tuple[str, float]]:
    if glyph is None:
        return [(" ", 1.0)]
    entries = [(glyph.text, glyph.score)]
    if glyph.score < CERTAIN and glyph.text.isascii():
        entries += [
            entry for entry in glyph.others if entry[1] >= LEAST_SHARE and _may_be(glyph.text, entry[0], hexadecimal)
        ]
    return entries


def _may_be(seen: str, other: str, hexadecimal: bool) -> bool:
    """Ink is no blank, and letters are no digits: only `Call0bject` is `CallObject`, but `a11c0de` stands."""
    if not other.isascii() or other == " " or (seen.isalpha() and other.isdigit()):
        return False
    return not (hexadecimal and seen.isdigit() and other.isalpha())


def _picked(glyph: Glyph | None, entries: Sequence[tuple[str, float]], pick: int) -> Glyph | None:
    if glyph is None or pick == 0:
        return glyph
    text, score = entries[pick]
    others = tuple(entry for entry in ((glyph.text, glyph.score), *glyph.others) if entry[0] != text)
    return replace(glyph, text=text, score=max(score, CHOSEN), others=others)


def _extend(ways: Ways, choices: Sequence[tuple[str, float]]) -> Ways:
    """Every way by every character; of those that nothing can tell apart any more the likeliest."""
    codes = np.array([_code(text) for text, _ in choices], np.uint64)
    keys = (ways.histories[:, None] << np.uint64(BITS)) | codes
    scores = ways.scores[:, None] + np.log([max(share, 1e-6) for _, share in choices])
    if scores.size > 1:
        scores = scores + WEIGHT * _likelihood(keys)
    keys &= np.uint64((1 << BITS * (ORDER - 1)) - 1)
    best: dict[int, int] = {}
    for place in np.argsort(-scores, axis=None).tolist():
        best.setdefault(int(keys.flat[place]), place)
    places = list(best.values())[:BEAM]
    picks = [(*ways.picks[place // len(choices)], place % len(choices)) for place in places]
    return Ways(keys.flat[places], scores.flat[places], picks)


def _likelihood(keys: Codes) -> NDArray[np.float32]:
    """The logarithms of how likely the last code of each sequence of `ORDER` is after the others."""
    counts = _counts()
    found = np.full(keys.shape, UNSEEN, np.float32)
    for length in range(1, ORDER + 1):
        part = keys & np.uint64((1 << BITS * length) - 1)
        before = counts.of(part >> np.uint64(BITS)) if length > 1 else np.full(keys.shape, counts.total)
        here = counts.of(part)
        found += BACKOFF
        counted = np.isfinite(here)
        found[counted] = here[counted] - before[counted]
    return found


@cache
def _counts() -> Counts:
    with resources.files("mmcore.perception").joinpath("ngrams.npz").open("rb") as file:
        arrays = np.load(file)
        keys, logarithms = arrays["keys"], arrays["counts"].astype(np.float32)
    single = logarithms[keys < 1 << BITS]
    return Counts(keys, logarithms, log(np.exp(single).sum()))
