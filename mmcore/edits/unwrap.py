"""Find the code in what a model said: fences, fences inside fences, prose around, nothing closed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mmcore.edits.lines import dedent, to_lf

FENCE = re.compile(r"^([ \t]*)(`{3,}|~{3,})[ \t]*([\w+#.-]*)[^`]*$")
SPECIAL = re.compile(r"<\|[a-z_]{2,24}\|>")


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of code, LF only and dedented. `closed` is False where its fence never ended: it may be cut off."""

    language: str
    code: str
    closed: bool


def code_blocks(output: str) -> list[Block]:
    """Fenced blocks in order; without a fence, the whole output as one block.

    An opening fence with a language inside a block opens a nested one, whose end belongs to it (a Markdown file that
    is itself fenced; a docstring with an example).
    """
    lines = to_lf(SPECIAL.sub("", output)).split("\n")
    blocks: list[Block] = []
    held: list[str] = []
    language, mark, depth = "", "", 0
    for line in lines:
        found = FENCE.match(line)
        if not depth:
            if found:
                language, mark, depth, held = found[3].lower(), found[2], 1, []
            continue
        if found and found[2].startswith(mark[0]) and len(found[2]) >= len(mark):
            depth += 1 if found[3] else -1
            if not depth:
                blocks.append(Block(language, dedent("\n".join(held)), closed=True))
                continue
        held.append(line)
    if depth and any(line.strip() for line in held):
        blocks.append(Block(language, dedent("\n".join(held)), closed=False))
    if not blocks:
        blocks = [Block("", dedent("\n".join(lines)).strip("\n"), closed=True)]
    return [block for block in blocks if block.code.strip()]
