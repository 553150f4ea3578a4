"""LSP positions and URIs to those of mmcore and back: the only place that knows UTF-16.

A `lines` argument is a text cut by `split_lines`; an `encoding` is what was agreed on in `initialize`.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lsprotocol import types as lsp

from mmcore.types import Position, Range

Encoding = lsp.PositionEncodingKind | str

# Bytes of one unit, and the codec in which a position's `character` counts such units.
_CODECS = {
    lsp.PositionEncodingKind.Utf8: ("utf-8", 1),
    lsp.PositionEncodingKind.Utf16: ("utf-16-le", 2),
    lsp.PositionEncodingKind.Utf32: ("utf-32-le", 4),
}
_DRIVE = re.compile(r"/[A-Za-z]:")


def well_formed(text: str) -> str:
    """`text` with a replacement character for each half of a surrogate pair that stands alone.

    JSON may carry them and UTF-8 may not; the replacement counts as one unit too, so positions stay right.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def split_lines(text: str) -> list[str]:
    """Lines with their ends, which are LSP's (\\n, \\r\\n, \\r) and no others; the last one has none."""
    lines = list(io.StringIO(text, newline=""))
    if not lines or lines[-1].endswith(("\n", "\r")):
        lines.append("")
    return lines


def to_column(line: str, character: int, encoding: Encoding) -> int:
    """Code points before `character`; at most the line's end, and before a character that it would cut in two."""
    line = line.rstrip("\r\n")
    if line.isascii():
        return min(character, len(line))
    codec, unit = _CODECS[lsp.PositionEncodingKind(encoding)]
    return len(line.encode(codec)[: character * unit].decode(codec, "ignore"))


def to_character(line: str, column: int, encoding: Encoding) -> int:
    """Units before code point `column`."""
    line = line.rstrip("\r\n")
    if line.isascii():
        return min(column, len(line))
    codec, unit = _CODECS[lsp.PositionEncodingKind(encoding)]
    return len(line[:column].encode(codec)) // unit


def from_lsp_position(lines: Sequence[str], position: lsp.Position, encoding: Encoding) -> Position:
    """Past the end of a line is its end, past the last line the end of the text, as LSP asks."""
    if position.line >= len(lines):
        return Position(len(lines) - 1, len(lines[-1]))
    return Position(position.line, to_column(lines[position.line], position.character, encoding))


def from_lsp_range(lines: Sequence[str], span: lsp.Range, encoding: Encoding) -> Range:
    """The two ends in order, whichever way round they came."""
    ends = (from_lsp_position(lines, end, encoding) for end in (span.start, span.end))
    return Range(*sorted(ends))


def to_lsp_position(lines: Sequence[str], position: Position, encoding: Encoding) -> lsp.Position:
    """`lines` may be empty where the text cannot be had: the column then stands for the character."""
    if position.line >= len(lines):
        return lsp.Position(position.line, position.column)
    return lsp.Position(position.line, to_character(lines[position.line], position.column, encoding))


def to_lsp_range(lines: Sequence[str], span: Range, encoding: Encoding) -> lsp.Range:
    start, end = (to_lsp_position(lines, position, encoding) for position in (span.start, span.end))
    return lsp.Range(start, end)


def path_of(uri: str) -> Path | None:
    """The file that a URI names; None where it names none (`untitled:`, `vscode-notebook-cell:`, ...)."""
    path = file_path(uri, windows=os.name == "nt")
    return Path(path) if path else None


def file_path(uri: str, windows: bool) -> str | None:
    """The path in a `file:` URI, in the words of that system: `C:/x.py` and `//server/share/x.py` on Windows."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    path = unquote(parts.path)
    if parts.scheme != "file" or not path or "\0" in path:
        return None
    if windows and parts.netloc and parts.netloc != "localhost":
        return f"//{parts.netloc}{path}"
    return path[1:] if windows and _DRIVE.match(path) else path


def uri_of(path: Path) -> str:
    return path.absolute().as_uri()
