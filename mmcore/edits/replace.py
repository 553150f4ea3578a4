"""SEARCH/REPLACE blocks, made on a text by what they say and never by line numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mmcore.edits.anchors import find_lines
from mmcore.edits.lines import dedent, indent, margin, split_lines, to_lf, unit_of, with_newlines
from mmcore.text import newline_of

BLOCK = re.compile(
    r"^[ \t]*<{5,9} ?SEARCH[^\n]*\n(?P<old>.*?)^[ \t]*={5,9}[ \t]*\n(?P<new>.*?)^[ \t]*>{5,9} ?REPLACE[^\n]*$",
    re.M | re.S,
)
STARTED = re.compile(r"^[ \t]*<{5,9} ?SEARCH", re.M)


@dataclass(frozen=True, slots=True)
class Replacement:
    """LF only."""

    old: str
    new: str


def replacements(output: str) -> list[Replacement] | None:
    """The blocks of an output: none if it has none, None if one is cut off or malformed."""
    text = to_lf(output)
    found = [Replacement(match["old"], match["new"]) for match in BLOCK.finditer(text)]
    return found if len(found) == len(STARTED.findall(text)) else None


def replace_blocks(text: str, blocks: list[Replacement]) -> str | None:
    """`text` after every block; None as soon as one cannot be placed for certain."""
    for block in blocks:
        lines = split_lines(text)
        place = find_lines(block.old.split("\n"), lines)
        if place is None:
            return None
        begin, end = place
        base = next((margin(line) for line in lines[begin:end] if line.strip()), "")
        # What the first line of the block is indented by, the rest is relative to.
        new = block.new.rstrip("\n")
        code = indent(dedent(new), base, unit_of(to_lf(text))) + "\n" if new.strip() else ""
        if code and end == len(lines) and not lines[-1].endswith(("\n", "\r")):
            code = code[:-1]
        text = "".join(lines[:begin]) + with_newlines(code, newline_of(text)) + "".join(lines[end:])
    return text
