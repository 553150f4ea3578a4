"""Decide by the syntax around the cursor whether a line or a block is asked for, and where a block ends."""

from __future__ import annotations

import re
from typing import Literal

from mmcore.syntax import ancestors, node_at, parse

Shape = Literal["line", "block"]

# A block begins after these, in one language or another.
_OPENERS = (":", "{", "(", "[", "=>", "->", " do", " then", "else", "begin")
_CLOSERS = re.compile(r"[\s)\]}>;,:'\"`]*$")
_ONE_LINE_NODES = ("comment", "string", "char_literal", "template_string", "regex")


def shape_at(text: str, language: str, offset: int) -> Shape:
    """What to ask for at code point `offset`.

    Inside a line, and inside a comment or a string, the rest of that line; after an opener or on an empty line, the
    block that belongs there.
    """
    before = text[text.rfind("\n", 0, offset) + 1 : offset]
    after = text[offset : _end_of_line(text, offset)]
    if not before.strip():
        return "block" if _CLOSERS.match(after) else "line"
    # Between brackets that the editor closed itself, only a brace opens a block.
    opener = "{" if after.strip() else _OPENERS
    if not _CLOSERS.match(after) or not before.rstrip().endswith(opener) or _in_open_string(before):
        return "line"
    tree = parse(text, language)
    if tree is not None:
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
    opened = bool(line.strip())
    position = completion.find("\n") + 1
    # On an empty line the model may still write the indentation that the cursor has not reached.
    base = _indent(line + completion[: position or None])
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


def _in_open_string(before: str) -> bool:
    """By counting: a grammar makes an error, and no string, of a quote that is still open."""
    return any(before.count(quote) % 2 for quote in "\"`'")


def _without_blank_tail(completion: str, position: int) -> int:
    return len(completion[:position].rstrip())


def _indent(line: str) -> int:
    expanded = line.expandtabs(4)
    return len(expanded) - len(expanded.lstrip(" "))


def _end_of_line(text: str, offset: int) -> int:
    end = text.find("\n", offset)
    return len(text) if end < 0 else end
