"""Tell a chart by the numbers that stand at even distances along an axis."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from mmcore.types import Line, Region

NUMBER = re.compile(r"^[$€£]?([-−–]?\d[\d,]*(?:\.\d+)?)\s*(?:%|[kKMGB]|ms|s|MB|GB)?$")
MINUS = str.maketrans("−–", "--")
FEWEST_TICKS = 3
# Pixels that ticks may be off their line, and share of their distance that they may be off their place.
OFF_LINE, OFF_PLACE = 5.0, 0.12
APART = 1.5  # heights of a number between ticks: lines of text, numbered, stand closer


def has_axis(texts: Sequence[Line]) -> bool:
    """Whether three numbers or more climb by equal steps at equal distances, up or to the right."""
    ticks = [(line.box, float(match[1].replace(",", "").translate(MINUS))) for line, match in _numbers(texts)]
    for along, edges in ((1, (0, 2, None)), (0, (1, 3, None))):
        for edge in edges:
            for box, _ in ticks:
                aligned = [tick for tick in ticks if abs(_at(tick[0], edge, along) - _at(box, edge, along)) <= OFF_LINE]
                if len(aligned) >= FEWEST_TICKS and _climb(
                    [(_middle(b, along), value) for b, value in aligned], box[3] - box[1]
                ):
                    return True
    return False


def describe(texts: Sequence[Line]) -> tuple[Region, ...]:
    """The title, which stands above all else, and the other texts."""
    ordered = sorted(texts, key=lambda line: (line.box[1], line.box[0]))
    kinds = ["title" if index == 0 and not NUMBER.match(line.text) else "text" for index, line in enumerate(ordered)]
    return tuple(Region(kind, line.text, line.box) for kind, line in zip(kinds, ordered, strict=True))


def _numbers(texts: Sequence[Line]) -> list[tuple[Line, re.Match[str]]]:
    return [(line, match) for line in texts if (match := NUMBER.match(line.text.strip()))]


def _middle(box: tuple[int, int, int, int], along: int) -> float:
    return (box[along] + box[along + 2]) / 2


def _at(box: tuple[int, int, int, int], edge: int | None, along: int) -> float:
    """Where a tick stands across its axis: its left or right edge, its top or bottom, or its middle."""
    return box[edge] if edge is not None else _middle(box, 1 - along)


def _climb(ticks: list[tuple[float, float]], height: int) -> bool:
    ordered = sorted(ticks)
    places = [after[0] - before[0] for before, after in pairwise(ordered)]
    steps = [after[1] - before[1] for before, after in pairwise(ordered)]
    if min(places) < APART * height:
        return False
    even = max(places) - min(places) <= OFF_PLACE * max(places) + 2
    return even and min(places) > 0 and steps[0] != 0 and max(steps) - min(steps) <= 1e-6 * abs(steps[0])
