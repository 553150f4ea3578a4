"""Tell what was typed into a terminal from what it answered."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mmcore.types import Line, Region

# What shells print before a command: `user@host:~/dir$`, `[user@host dir]$`, `➜  dir`, `PS C:\dir>`, `C:\dir>`, `>>>`.
PROMPT = re.compile(
    r"^(?:\(\S+\) )?(?:"
    r"\[?[\w.-]+@[\w.-]+[: ][^$#%>]*[$#%>]|[~/][\w./~-]* ?[$#%❯]|[$#%❯➜»>](?=\s|$)|PS [A-Z]:[\\/][^>]*>|[A-Z]:\\[^>]*>"
    r"|>>>(?=\s|$)|\.\.\.(?=\s)|In \[\d+\]:|\(gdb\)|\(Pdb\)|sqlite>|mysql>|irb\([^)]*\)[^>]*>"
    r")"
)
# zsh themes put an arrow first and the directory, and what git says of it, after it.
ARROWED = re.compile(r"^(?P<prompt>➜\s+\S+(?: git:\(\S+\))?(?: ✗)?)(?:\s+(?P<command>.*))?$")


def split(lines: Sequence[Line]) -> tuple[Region, ...]:
    """Commands (`text` what was typed, `value` the prompt before it) and outputs, in their order.

    Empty where no line has a prompt; `lines` are those of one pane, top to bottom.
    """
    found: list[Region] = []
    output: list[Line] = []
    for line in lines:
        prompt, command = _prompted(line.text)
        if prompt is None:
            output.append(line)
            continue
        found += _joined(output)
        output = []
        found.append(Region("command", command, line.box, value=prompt))
    return (*found, *_joined(output)) if found else ()


def _prompted(text: str) -> tuple[str | None, str]:
    arrowed = ARROWED.match(text)
    if arrowed:
        return arrowed["prompt"], (arrowed["command"] or "").strip()
    match = PROMPT.match(text)
    return (match[0].strip(), text[match.end() :].strip()) if match else (None, "")


def _joined(lines: Sequence[Line]) -> list[Region]:
    if not lines:
        return []
    boxes = [line.box for line in lines]
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[2] for box in boxes), max(box[3] for box in boxes)
    return [Region("output", "\n".join(line.text for line in lines), (left, top, right, bottom))]
