"""Which piece of a document a request is about."""

from __future__ import annotations

from mmcore.actions.request import Request
from mmcore.errors import DocumentError
from mmcore.syntax import Symbol, enclosing, symbols
from mmcore.text import offset_at, offsets
from mmcore.types import Range


def target_of(request: Request) -> Symbol | None:
    """The symbol that is named, or that holds the range or the first diagnostic; None for the whole document.

    Raises DocumentError for a name that the document does not define.
    """
    document = request.document
    if request.symbol:
        return named(request)
    span = request.range or (request.diagnostics[0].range if request.diagnostics else None)
    if span is None:
        return only_function(request)
    begin, end = offsets(document.text, span)
    start = document.text.rfind("\n", 0, begin) + 1
    # In its indentation, a cursor is on what the line holds.
    ahead = len(document.text) if begin == end and not document.text[start:begin].strip() else end
    while begin < ahead and document.text[begin].isspace() and (begin < end or document.text[begin] not in "\r\n"):
        begin += 1
    end = max(begin, end)
    found = enclosing(document.text, document.language, begin)
    while found is not None and found.end < end and found.start > 0:
        outer = enclosing(document.text, document.language, found.start - 1)
        found = outer if outer is not None and outer.end >= end else None
    return found


def named(request: Request) -> Symbol:
    document = request.document
    owner, _, name = request.symbol.rpartition(".")
    all_symbols = symbols(document.text, document.language)
    found = [symbol for symbol in all_symbols if symbol.name == name]
    if owner:
        inside = [s for s in all_symbols if s.name == owner.rpartition(".")[2]]
        found = [f for f in found if any(s.start <= f.start and f.end <= s.end and s != f for s in inside)]
    if not found:
        where = document.path.name if document.path else document.uri
        raise DocumentError(f"{where} defines no `{request.symbol}`; name a function or class in it, or lines A-B")
    return found[0]


def only_function(request: Request) -> Symbol | None:
    """Where a document defines a single thing, that is meant."""
    found = symbols(request.document.text, request.document.language)
    outer = [s for s in found if not any(o.start <= s.start and s.end <= o.end and o != s for o in found)]
    return outer[0] if len(outer) == 1 else None


def text_of(text: str, span: Range) -> str:
    begin, end = offsets(text, span)
    return text[begin:end].replace("\r\n", "\n")


def code_of(request: Request, target: Symbol) -> str:
    """The target's text with the indentation of its first line, LF only."""
    text = request.document.text
    start = offset_at(text, target.range.start)
    line = text.rfind("\n", 0, start) + 1
    if not text[line:start].strip():
        start = line
    return text[start : target.end].replace("\r\n", "\n")
