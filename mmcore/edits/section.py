"""Put a section into a Markdown file, in the place of the one with the same heading."""

from __future__ import annotations

import re

from mmcore.edits.lines import to_lf, with_newlines
from mmcore.text import newline_of

HEADING = re.compile(r"^(#{1,6})[ \t]+(.+?)[ \t]*#*$")
FENCE = re.compile(r"^[ \t]*(```|~~~)")


def set_section(text: str, title: str, body: str) -> str:
    """`text` with `body` (LF) under a heading called `title`; every other line stays as it is.

    A section ends at the next heading of its level or a higher one; headings inside code fences are none.
    """
    lines = to_lf(text).split("\n")
    begin, end, level, fenced = None, len(lines), 2, False
    for number, line in enumerate(lines):
        fenced ^= FENCE.match(line) is not None
        found = None if fenced else HEADING.match(line)
        if not found:
            continue
        if begin is None and found[2].casefold() == title.casefold():
            begin, level = number, len(found[1])
        elif begin is not None and len(found[1]) <= level:
            end = number
            break
    section = [f"{'#' * level} {title}", "", *body.strip("\n").split("\n")]
    if begin is None:
        head = "\n".join(lines).rstrip("\n")
        made = "\n".join([*([head, ""] if head else []), *section, ""])
    else:
        made = "\n".join([*lines[:begin], *section, "", *lines[end:]])
        made = made if lines[end:] else made.rstrip("\n") + "\n"
    return with_newlines(made, newline_of(text))
