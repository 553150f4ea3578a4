"""Decide by the syntax around the cursor whether a line or a block is asked for, and where a block ends."""

from __future__ import annotations

import re
from typing import Literal

from mmcore.context.syntax import ancestors, node_at, parse

Shape = Literal["line", "block"]

# A block begins after these: Python and Ruby-like openers, and every kind of bracket.
_OPENER = re.compile(r"(?:[:{(\[]|=>|->|\b(?:do|then|else|begin))\s*$")
_CLOSERS = re.compile(r"[\s)\]}>;,:'\"`]*$")
_ONE_LINE_NODES = ("comment", "string", "char_literal", "template_string", "regex")


def shape_at(text: str, language: str, offset: int) -> Shape:
    """What to ask for at code point `offset`.

    Inside a line, and inside a comment or a string, the rest of that line; after an opener or on an empty line, the
    block that belongs there.
    """
    before = text[text.rfind("\n", 0, offset) + 1 : offset]
    after = text[offset : _end_of_line(text, offset)]
    if not _CLOSERS.match(after):
        return "line"
    if before.strip() and not _OPENER.search(before):
        return "line"
    if before.strip() and after.strip() and not _OPENER.search(before.rstrip(" \t")):
        return "line"
    tree = parse(text, language)
    if tree is not None and before.strip():
        for node in ancestors(node_at(tree, text, offset)):
            if any(part in node.type for part in _ONE_LINE_NODES) and node.parent is not None:
                return "line"
    return "block"


def end_of_block(completion: str, prefix: str) -> int:
    """Length of the part of `completion` that belongs to the block opened by the last line of `prefix`.

    The block ends before the first line that is indented less than the block (a line of closing brackets is still
    part of it), and before a second blank line.
    """
    line = prefix[prefix.rfind("\n") + 1 :]
    base = _indent(line)
    opened = bool(line.strip())
    position = completion.find("\n") + 1
    blank = 0
    if position == 0:
        return len(completion)
    while position < len(completion):
        end = completion.find("\n", position)
        end = len(completion) if end < 0 else end + 1
        text = completion[position:end]
        if not text.strip():
            blank += 1
            if blank > 1:
                return position - 1
        else:
            indent = _indent(text)
            if indent < base or (opened and indent == base):
                closes = indent == base and re.match(r"\s*[)\]}]", text)
                return end if closes else _without_blank_tail(completion, position)
            blank = 0
        position = end
    return len(completion)


def _without_blank_tail(completion: str, position: int) -> int:
    return len(completion[:position].rstrip())


def _indent(line: str) -> int:
    expanded = line.expandtabs(4)
    return len(expanded) - len(expanded.lstrip(" "))


def _end_of_line(text: str, offset: int) -> int:
    end = text.find("\n", offset)
    return len(text) if end < 0 else end
