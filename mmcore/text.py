"""Places in a text: lines as editors count them, code-point offsets, UTF-8 byte offsets."""

from __future__ import annotations

import re
from bisect import bisect_right

from mmcore.types import Edit, Position, Range

# LSP counts these three as line ends, and no others (str.splitlines knows more).
_LINE_END = re.compile(r"\r\n|\n|\r")


def line_starts(text: str) -> list[int]:
    """Code-point offset of the start of every line; a text has at least one line."""
    return [0, *(match.end() for match in _LINE_END.finditer(text))]


def line_at(text: str, line: int, starts: list[int] | None = None) -> str:
    """Line `line` without its line end. Raises IndexError past the last line."""
    starts = line_starts(text) if starts is None else starts
    end = starts[line + 1] if line + 1 < len(starts) else len(text)
    return text[starts[line] : end].rstrip("\r\n")


def offset_at(text: str, position: Position) -> int:
    """Code-point offset of `position`, clamped to its line's end and to the last line, as LSP asks."""
    starts = line_starts(text)
    if position.line >= len(starts):
        return len(text)
    return starts[position.line] + min(position.column, len(line_at(text, position.line, starts)))


def position_at(text: str, offset: int, starts: list[int] | None = None) -> Position:
    """The position of a code-point offset."""
    starts = line_starts(text) if starts is None else starts
    line = bisect_right(starts, offset) - 1
    return Position(line, offset - starts[line])


def apply(text: str, edits: tuple[Edit, ...] | list[Edit]) -> str:
    """`text` after all `edits`, whose ranges refer to `text` itself. Raises ValueError where two overlap."""
    spans = sorted((*offsets(text, edit.range), edit.new_text) for edit in edits)
    pieces: list[str] = []
    last = 0
    for start, end, new in spans:
        if start < last:
            raise ValueError("edits overlap")
        pieces += [text[last:start], new]
        last = end
    return "".join([*pieces, text[last:]])


def offsets(text: str, span: Range) -> tuple[int, int]:
    return offset_at(text, span.start), offset_at(text, span.end)


def utf8_offset(text: str, offset: int) -> int:
    """Bytes before code-point `offset` in UTF-8: what tree-sitter counts in."""
    return len(text[:offset].encode("utf-8", "surrogatepass"))


def newline_of(text: str) -> str:
    """The line end that the text uses first; "\\n" where it has none."""
    match = _LINE_END.search(text)
    return match.group() if match else "\n"
