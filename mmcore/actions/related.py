"""What a piece of code works with: imports, whom it calls, here and in other files, who calls it, what tests it."""

from __future__ import annotations

import re
from pathlib import Path

from mmcore.actions.request import Request, Tools
from mmcore.syntax import Symbol, symbols
from mmcore.verify.tests_run import Selection

MAX_CHARACTERS = 2400
TEST_CHARACTERS = 1500
OTHER_CHARACTERS = 1200
WORD = re.compile(r"[^\W\d]\w*")


def related_code(tools: Tools, request: Request, target: Symbol) -> str:
    """Imports and constants of the same file, heads of what the target calls, one caller; code of other files."""
    document = request.document
    text = document.text
    used = set(WORD.findall(text[target.start : target.end]))
    around = symbols(text, document.language)
    parts = [_head_lines(text, around, used)]
    parts += [
        _signature(text, symbol)
        for symbol in around
        if symbol.name in used and symbol.name != target.name and not _overlap(symbol, target)
    ]
    calls = re.compile(rf"\b{re.escape(target.name)}\s*\(") if target.name else None
    for line in text[target.end :].split("\n"):
        if calls and calls.search(line):
            parts.append(line.strip())
            break
    parts += other_files(tools, request, target.start)
    kept, size = [], 0
    for part in (part for part in parts if part.strip()):
        size += len(part)
        if size > MAX_CHARACTERS:
            break
        kept.append(part)
    return "\n".join(kept)


def other_files(tools: Tools, request: Request, offset: int) -> list[str]:
    """Code of other files that the code at `offset` needs, under their names."""
    found = tools.around(request.document, offset, OTHER_CHARACTERS)
    return [f"{snippet.path.as_posix()}:\n{snippet.text.strip()}" for snippet in found]


def excerpt_of_test(root: Path, selection: Selection) -> str:
    """The source of the first selected test, or of its file; "" where it cannot be read."""
    for target in selection.targets[:1]:
        file, _, name = target.partition("::")
        path = root / file
        try:
            text = path.read_text("utf-8", "replace")
        except OSError:
            continue
        wanted = name.rpartition("::")[2].partition("[")[0]
        found = [s for s in symbols(text, "python") if s.name == wanted]
        part = text[found[0].start : found[0].end] if found else text
        return f"{file}:\n{part.strip()[:TEST_CHARACTERS]}"
    return ""


def _head_lines(text: str, around: tuple[Symbol, ...], used: set[str]) -> str:
    """Lines before the first definition that name something which the target uses."""
    first = min((symbol.start for symbol in around), default=len(text))
    lines = [line for line in text[:first].split("\n") if used & set(WORD.findall(line))]
    return "\n".join(lines[:20])


def _signature(text: str, symbol: Symbol) -> str:
    lines = text[symbol.start : symbol.end].split("\n")
    return "\n".join(lines[: 3 if symbol.kind == "function" else 8])


def _overlap(one: Symbol, other: Symbol) -> bool:
    return one.start < other.end and other.start < one.end
