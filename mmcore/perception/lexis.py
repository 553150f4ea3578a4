"""Settle look-alike characters by what code and error outputs allow: `0ption` is no number, `0(1)` no call."""

from __future__ import annotations

import re

# The match is one character; what it becomes has the same shape, and nothing is added or removed.
RULES = (
    (re.compile(r"(?<![\w.])0(?=[a-z]{3,})(?![xob][0-9a-f_]+)"), "O"),
    (re.compile(r"(?<![\w.])0(?=\()"), "O"),
    (re.compile(r"(?<=\b[A-Z])0(?=[A-Z]{2,})|(?<=[A-Z]{2})0(?=[A-Z])"), "O"),
    (re.compile(r"(?<=\d)[oO](?=\d|\b)(?<!0[oO])"), "0"),
    (re.compile(r"(?<=\d)[lI](?=\d)|(?<=\d\.)[lI](?=\d)"), "1"),
    (re.compile(r"(?<=\bline )[lI](?=\d*\b)"), "1"),
    (re.compile(r"(?<=\b)1(?=(?:en|ist|ine|og|et|ambda|ast|oad|ock)\b)"), "l"),
    (re.compile(r"(?<=\b)[l1](?=(?:nt|f|n|mport|s|mpl|ndex|nput|tem|tems)\b)"), "i"),
)


def settle(line: str) -> str:
    for pattern, character in RULES:
        line = pattern.sub(character, line)
    return line
