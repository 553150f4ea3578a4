"""Find where a piece of code that a model remembers stands in a text, though it remembers it a little wrong."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

# Below this likeness two blocks of code are not the same one: a renamed variable keeps it, another function does not.
ALIKE = 0.82


def find_lines(wanted: Sequence[str], text: Sequence[str]) -> tuple[int, int] | None:
    """Half-open line span of `text` that is `wanted`: exactly, else but for white space, else nearly.

    None where nothing, or more than one place, fits equally well: a guess would edit the wrong one.
    """
    while wanted and not wanted[0].strip():
        wanted = wanted[1:]
    while wanted and not wanted[-1].strip():
        wanted = wanted[:-1]
    size = len(wanted)
    if not size or size > len(text):
        return None
    exact = [_bare(line, strip=False) for line in wanted], [_bare(line, strip=False) for line in text]
    loose = [_bare(line, strip=True) for line in wanted], [_bare(line, strip=True) for line in text]
    for needle, hay in (exact, loose):
        places = [n for n in range(len(hay) - size + 1) if hay[n : n + size] == needle]
        if places:
            return (places[0], places[0] + size) if len(places) == 1 else None
    return _nearest(*loose)


def _bare(line: str, *, strip: bool) -> str:
    line = line.rstrip("\r\n")
    return " ".join(line.split()) if strip else line.rstrip()


def _nearest(needle: list[str], hay: list[str]) -> tuple[int, int] | None:
    wanted = "\n".join(needle)
    matcher = difflib.SequenceMatcher(None, autojunk=False)
    matcher.set_seq2(wanted)
    scored: list[tuple[float, int, int]] = []
    for size in {len(needle) - 1, len(needle), len(needle) + 1}:
        for start in range(len(hay) - size + 1 if size > 0 else 0):
            matcher.set_seq1("\n".join(hay[start : start + size]))
            if matcher.real_quick_ratio() >= ALIKE and matcher.quick_ratio() >= ALIKE:
                ratio = matcher.ratio()
                if ratio >= ALIKE:
                    scored.append((ratio, start, start + size))
    scored.sort(reverse=True)
    if not scored:
        return None
    best = scored[0]
    rivals = [other for other in scored[1:] if other[1] >= best[2] or other[2] <= best[1]]
    return None if rivals and rivals[0][0] > best[0] - 0.03 else best[1:]
