"""Tell from code inside of how much that began above its leftmost lines stand: bodies, objects, lists."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

BUCKETS = 1 << 15
TOKEN = re.compile(r"[A-Za-z_$@][\w$]*|\d[\w.]*|\"[^\"]*\"?|'[^']*'?|[^\s\w]+?|\s+")
FIRST_TOKENS = 4
DEPTHS = 4


def chances_of_depths(lines: Sequence[tuple[int, str]]) -> tuple[float, ...]:
    """That the leftmost lines are 0, 1, 2, ... steps in, the last for all that is more; they sum to 1.

    `lines` are indentations in characters from any margin, and texts.
    """
    scores = _weights()[features(lines)].sum(0, dtype=np.float64)
    chances = np.exp(scores - scores.max())
    return tuple((chances / chances.sum()).tolist())


def step_of(indents: Sequence[int]) -> int:
    """By how many characters a body is further in: 2 or 4."""
    least = min(indents)
    depths = [indent - least for indent in indents if indent > least]
    return 2 if sum(depth % 4 == 2 for depth in depths) * 3 > len(depths) else 4


def features(lines: Sequence[tuple[int, str]]) -> NDArray[np.int64]:
    """Buckets of what is seen, each once: hashed as by Weinberger et al. 2009, the sign left out."""
    return np.unique([zlib.crc32(name.encode()) % BUCKETS for name in _names(lines)])


def _names(lines: Sequence[tuple[int, str]]) -> Iterator[str]:
    yield "bias"
    leftmost = min(indent for indent, _ in lines)
    depths = [indent - leftmost for indent, _ in lines if indent > leftmost]
    yield f"unit {min(depths, default=0)}"
    yield f"share {round(4 * len(depths) / len(lines))}"
    last = -1
    for indent, text in lines:
        depth = indent - leftmost
        tokens = [token for token in TOKEN.findall(text) if not token.isspace()]
        if not tokens:
            continue
        where = "inner" if depth else "outer"
        yield f"{where} {tokens[0]}"
        yield f"{where} {' '.join(tokens[:2])}"
        yield f"{where} end {tokens[-1] if len(tokens[-1]) < 9 else _shape(tokens[-1])}"
        if depth == 0:
            shapes = [_shape(token) for token in tokens[:FIRST_TOKENS]]
            yield from (f"shape {' '.join(shapes[:count])}" for count in range(1, len(shapes) + 1))
            yield f"shape end {_shape(tokens[0])} {tokens[-1]}"
            yield f"after {last > 0} {tokens[0]}"
        last = depth


def _shape(token: str) -> str:
    first = token[0]
    if first.isdigit():
        return "0"
    if first in "\"'":
        return "s"
    if first.isalpha() or first in "_$@":
        return ("A" if token.isupper() else "Aa" if first.isupper() else "a") if first.isalpha() else first
    return token


@cache
def _weights() -> NDArray[np.float32]:
    with files("mmcore.perception").joinpath("nesting.npz").open("rb") as stored, np.load(stored) as file:
        weights: NDArray[np.float32] = file["codes"] * file["scale"]
        return weights
