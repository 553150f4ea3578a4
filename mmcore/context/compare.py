"""Find where in the workspace the code that a picture shows stands, and which of its lines differ there."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from mmcore.context.files import walk
from mmcore.context.grounding import TELLING, named, squeezed

# Looked through for code whose file the picture does not name, while someone waits.
MOST_FILES = 4_000
LARGEST_FILE = 400_000
# So much of what was read must stand in a file, and so many lines, before it is taken for that file.
AGREEING = 0.5
FEWEST_LINES = 3
# So many of the longest names, and this share of them, tell whether a file is worth to be compared; a few are misread.
MOST_WORDS = 12
HAVING = 0.4
# How far lines may have moved against each other for the two still to be compared there.
SLACK = 40
# Lines that end where others end, at the far right, go on behind the edge of the picture.
CUT_TOGETHER = 2
# A single one may lack so many signs there.
FEW_SIGNS = 3
# The first and the last line are often cut through by scrolling: read as badly as this they may still be the file's.
HALF_READ = 0.3

_WORD = re.compile(r"\w{5,}")


@dataclass(frozen=True, slots=True)
class Difference:
    """`line` is 0-based in the file; `there` what it has, `shown` what the picture has, None for nothing."""

    line: int
    there: str | None
    shown: str | None


@dataclass(frozen=True, slots=True)
class Alignment:
    """The lines from `first` to before `last` (0-based) of a file are those that a picture shows."""

    path: Path
    first: int
    last: int
    agreement: float
    differences: tuple[Difference, ...]


def align(code: str, names: Sequence[str], roots: Sequence[Path], first_line: int | None = None) -> Alignment | None:
    """Where `code` stands: in a file of one of these `names` if there is one, else in any file of the workspace.

    `first_line` is the number that the picture gives to the first line. None where no file has the half of it.
    """
    shown = [line.rstrip() for line in code.splitlines()]
    if sum(len(squeezed(line)) >= TELLING for line in shown) < FEWEST_LINES:
        return None
    chosen = _best(shown, named(names, roots), first_line)
    if chosen is None:
        chosen = _best(shown, islice((path for root in roots for path in walk(root)), MOST_FILES), first_line)
    return chosen


def _best(shown: Sequence[str], paths: Iterable[Path], first_line: int | None) -> Alignment | None:
    words = sorted(set(_WORD.findall("\n".join(shown))), key=len)[-MOST_WORDS:]
    keys = [squeezed(line) for line in shown]
    telling = {key for key in keys if len(key) >= TELLING}
    best: Alignment | None = None
    for path in paths:
        try:
            if path.stat().st_size > LARGEST_FILE:
                continue
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        # Most files have none of it: to find that out must cost little.
        if sum(word in text for word in words) < HAVING * len(words):
            continue
        lines = text.splitlines()
        there = [squeezed(line) for line in lines]
        if len(telling.intersection(there)) < max(FEWEST_LINES, AGREEING * len(telling)):
            continue
        found = _compare(path, lines, there, shown, keys, first_line)
        if found and (best is None or found.agreement > best.agreement):
            best = found
    return best


def _compare(
    path: Path,
    lines: Sequence[str],
    there: Sequence[str],
    shown: Sequence[str],
    keys: Sequence[str],
    first_line: int | None,
) -> Alignment | None:
    offset = _offset(there, keys, first_line)
    low, high = max(0, offset - SLACK), min(len(lines), offset + len(shown) + SLACK)
    width = max(map(len, shown))
    at_edge = [len(line) >= width - 1 for line in shown]
    begun = {key: line for line in there[low:high] for key in keys if len(key) > TELLING and line.startswith(key)}
    is_cut = sum(at_edge) >= CUT_TOGETHER
    cut = list(keys)
    for number, key in enumerate(keys):
        whole = begun.get(key, key)
        if at_edge[number] and (is_cut or len(whole) <= len(key) + FEW_SIGNS):
            cut[number] = whole
    matcher = difflib.SequenceMatcher(None, cut, there[low:high], autojunk=False)
    blocks = [block for block in matcher.get_matching_blocks() if any(cut[block.a : block.a + block.size])]
    if not blocks:
        return None
    first = low + max(0, blocks[0].b - blocks[0].a)
    last = min(len(lines), low + blocks[-1].b + len(shown) - blocks[-1].a)
    agreeing = sum(bool(key) for block in blocks for key in cut[block.a : block.a + block.size])
    agreement = agreeing / sum(map(bool, keys))
    if agreement < AGREEING:
        return None
    return Alignment(
        path, first, last, agreement, tuple(_differences(lines[first:last], there[first:last], shown, cut, first))
    )


def _offset(there: Sequence[str], keys: Sequence[str], first_line: int | None) -> int:
    """How many lines of the file come before what is shown: by a vote of the lines that tell something."""
    places: dict[str, list[int]] = {}
    for number, line in enumerate(there):
        places.setdefault(line, []).append(number)
    votes: Counter[int] = Counter({first_line - 1: 1} if first_line else {})
    for number, key in enumerate(keys):
        if len(key) >= TELLING:
            votes.update(place - number for place in places.get(key, ()))
    return max(0, votes.most_common(1)[0][0])


def _differences(
    lines: Sequence[str], there: Sequence[str], shown: Sequence[str], keys: Sequence[str], first: int
) -> Iterator[Difference]:
    matcher = difflib.SequenceMatcher(None, keys, there, autojunk=False)
    for tag, from_shown, to_shown, from_file, to_file in matcher.get_opcodes():
        if tag == "equal":
            continue
        for step in range(max(to_shown - from_shown, to_file - from_file)):
            ours = shown[from_shown + step].strip() if from_shown + step < to_shown else None
            theirs = lines[from_file + step].strip() if from_file + step < to_file else None
            at = from_shown + step
            if at in (0, len(shown) - 1) and ours and theirs and _resemble(ours, theirs):
                continue
            if ours or theirs:
                yield Difference(first + min(from_file + step, to_file), theirs, ours)


def _resemble(ours: str, theirs: str) -> bool:
    return difflib.SequenceMatcher(None, squeezed(ours), squeezed(theirs), autojunk=False).ratio() >= HALF_READ
