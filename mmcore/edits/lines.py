"""Lines and their indentation, kept as the document has them: tabs, CRLF, whatever Unicode."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

from mmcore.text import line_starts

BLANK = re.compile(r"[ \t]*")


def split_lines(text: str) -> list[str]:
    """Lines with their ends, by LSP's three line ends only (`str.splitlines` knows more); never a last empty one."""
    pieces = [text[begin:end] for begin, end in pairwise([*line_starts(text), len(text)])]
    return pieces if not pieces or pieces[-1] else pieces[:-1]


def margin(line: str) -> str:
    """The white space that a line begins with."""
    found = BLANK.match(line)
    return found.group() if found else ""


def unit_of(text: str) -> str:
    """One step of indentation: a tab, or the commonest small difference between neighbouring lines."""
    margins = [margin(line) for line in text.split("\n") if line.strip()]
    if any(m.startswith("\t") for m in margins):
        return "\t"
    steps = Counter(len(b) - len(a) for a, b in pairwise(margins) if 1 < len(b) - len(a) <= 8)
    return " " * steps.most_common(1)[0][0] if steps else "    "


def dedent(code: str) -> str:
    """`code` (LF only) moved so that its least indented line stands at the margin."""
    lines = code.split("\n")
    margins = [margin(line) for line in lines if line.strip()]
    least = min(margins, key=len, default="")
    return "\n".join(line[len(least) :] if line.startswith(least) else line.lstrip(" \t") for line in lines)


def indent(code: str, base: str, unit: str) -> str:
    """Dedented `code` (LF only) at indentation `base`, its steps turned into `unit`. Blank lines stay empty.

    Continuation lines that align with a bracket keep what is left over after whole steps. Lines inside a string that
    spans lines are moved too: the syntax tree, compared afterwards, tells whether that mattered.
    """
    have = unit_of(code)
    moved = []
    for line in code.split("\n"):
        white = margin(line)
        if not line.strip():
            moved.append("")
        elif have == unit:
            moved.append(base + line)
        else:
            steps, rest = divmod(len(white), len(have)) if have != "\t" else (white.count("\t"), white.count(" "))
            moved.append(base + unit * steps + " " * rest + line[len(white) :])
    return "\n".join(moved)


def with_newlines(code: str, newline: str) -> str:
    """LF text with the document's line ends."""
    return code if newline == "\n" else code.replace("\n", newline)


def to_lf(text: str) -> str:
    return re.sub(r"\r\n?", "\n", text)
