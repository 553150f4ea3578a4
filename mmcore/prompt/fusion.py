"""Decide what a model is shown of a picture: the text that was read in it, its pixels, or both; and compare the two."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mmcore.errors import SettingError
from mmcore.types import Reading

FUSIONS = ("transcript", "native", "adaptive")

# The recogniser's own scores of lines that it read exactly and of those that it made up from pictures without text
# lie on either side of this; a word or two may be an icon.
SURE = 0.85
ENOUGH_SIGNS = 12
# As alike as a misread word is to the right one, and no two different names are: four of five characters.
ALIKE = 0.8

_QUOTED = re.compile(r"`([^`\s]{4,80})`")
_PLACE = re.compile(r"(?P<path>[\w./\\-]*\w\.\w{1,5})[`'\"]?(?::|\", line |\D{1,12}\bline )(?P<line>\d{1,6})\b")
_WORD = re.compile(r"[\w./\\-]*\w")


@dataclass(frozen=True, slots=True)
class Shown:
    """What of one picture goes into the prompt. One of the two is always true."""

    text: bool
    pixels: bool


def fuse(fusion: str, sees: bool | None, reading: Reading) -> Shown:
    """`sees` says whether the model takes pictures, None where nobody knows.

    Late (transcript), early (native), or by confidence (adaptive): there, a model that sees gets the text beside the
    pixels when the reader is sure of it. A model of which nothing is known gets pixels only where `native` asks for it.
    Raises SettingError for a `fusion` that is none of the three.
    """
    if fusion not in FUSIONS:
        raise SettingError(f"chat.fusion is {fusion!r}; it must be one of {', '.join(FUSIONS)}")
    if fusion == "transcript" or sees is False or (fusion == "adaptive" and sees is None):
        return Shown(text=True, pixels=False)
    if fusion == "native":
        return Shown(text=False, pixels=True)
    return Shown(text=is_sure(reading), pixels=True)


def confidence(reading: Reading) -> float:
    """The mean score of its lines, each by its length: 0..1, and 0 where nothing was read."""
    length = sum(len(line.text) for line in reading.lines)
    return sum(line.score * len(line.text) for line in reading.lines) / length if length else 0.0


def is_sure(reading: Reading) -> bool:
    signs = sum(character.isalnum() for character in reading.text)
    return signs >= ENOUGH_SIGNS and confidence(reading) >= SURE


def objections(answer: str, readings: Sequence[Reading]) -> list[str]:
    """Where an answer that was given by sight contradicts what was surely read, a line each.

    Two things are compared, because they can be: a place (`file:line`) whose file was read with other lines only, and a
    name in backticks that was not read while one very much like it was. Nothing is said about what was not read at all.
    """
    sure = [reading.text for reading in readings if is_sure(reading)]
    if not sure:
        return []
    read = "\n".join(sure)
    words = set(_WORD.findall(read))
    lines = _places(read)
    found = []
    for path, numbers in _places(answer).items():
        known = lines.get(path, set())
        if known and not numbers & known:
            said = ", ".join(map(str, sorted(numbers)))
            found.append(f"{path}: line {said} was said, line {', '.join(map(str, sorted(known)))} was read")
    for name in dict.fromkeys(_QUOTED.findall(answer)):
        near = difflib.get_close_matches(name, words, n=1, cutoff=ALIKE)
        if name not in read and near and near[0] not in answer:
            found.append(f"`{name}` was said, `{near[0]}` was read")
    return found


def _places(text: str) -> dict[str, set[int]]:
    """Line numbers by the name of the file that they are given for."""
    places: dict[str, set[int]] = {}
    for match in _PLACE.finditer(text):
        name = re.split(r"[/\\]", match["path"])[-1]
        places.setdefault(name, set()).add(int(match["line"]))
    return places
