"""The command `sidesight.ask`: a question about code and pictures, answered as it is written.

Its one argument is an object: `question`, and where wanted `images` (paths, relative ones from the first workspace
folder, `file:` URIs, base64 `data:` URIs, `clipboard:`), `textDocument` (`{uri}`), `range` in it, `conversation` (of
an earlier result, to continue it) and `workDoneToken`. With that token the answer comes as `$/progress` while it is
written: `{kind: "begin", title}`, then `{kind: "report", message: PIECE}` for each piece, then `{kind: "end"}`.

The result is `{answer, conversation, locations: Location[], sources: string[], model}`; a failure is an error reply,
whose message is one line for the user.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp

from lsp_server.convert import from_lsp_range, path_of, split_lines, to_lsp_range, uri_of, well_formed
from mmcore.context.document import read_document
from mmcore.errors import DocumentError, ImageError, InputError
from mmcore.perception.clipboard import read_clipboard
from mmcore.types import Document, Location, Range

if TYPE_CHECKING:
    from lsp_server.server import SidesightServer
    from mmcore.assistant import Answer, Question

COMMAND = "sidesight.ask"

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # two letters at least: `C:` is a drive


def register(server: SidesightServer) -> None:
    @server.command(COMMAND)
    async def ask(*arguments: Any) -> dict[str, Any]:
        given = check(arguments)
        question = await _question(server, given)
        with server.status.waiting(), _stream(server, given.get("workDoneToken")) as on_text:
            async with server.session.assistant() as assistant:
                answer = await assistant.ask(question, on_text)
        return _result(server, answer)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_MEMBERS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "question": ("a text that is not empty", lambda value: isinstance(value, str) and bool(value.strip())),
    "images": ("a list of texts", lambda value: isinstance(value, list) and all(map(_is_text, value))),
    "textDocument": ("an object with a uri", lambda value: isinstance(value, dict) and _is_text(value.get("uri"))),
    "range": ("an LSP range", lambda value: lsp_range_of(value) is not None),
    "conversation": ("a text", _is_text),
    "workDoneToken": ("a text or a whole number", lambda value: type(value) in (str, int)),
}


def check(arguments: tuple[Any, ...]) -> dict[str, Any]:
    """The members that were given, null ones left out.

    Raises InputError: one line that says which member is wrong, and how it should be.
    """
    if len(arguments) != 1 or not isinstance(arguments[0], dict):
        raise InputError(f"{COMMAND} takes one argument: an object with {', '.join(_MEMBERS)}")
    given = {name: value for name, value in arguments[0].items() if value is not None}
    for name, value in given.items():
        if name not in _MEMBERS:
            raise InputError(f"{COMMAND} knows no {name!r}; it takes {', '.join(_MEMBERS)}")
        form, fits = _MEMBERS[name]
        if not fits(value):
            raise InputError(f"{COMMAND}: {name} must be {form}")
    if "question" not in given:
        raise InputError(f"{COMMAND}: question is missing")
    if "range" in given and "textDocument" not in given:
        raise InputError(f"{COMMAND}: a range needs its textDocument")
    return given


def lsp_range_of(value: Any) -> lsp.Range | None:
    try:
        start, end = (lsp.Position(value[name]["line"], value[name]["character"]) for name in ("start", "end"))
    except (KeyError, TypeError, ValueError):
        return None
    return lsp.Range(start, end)


async def _question(server: SidesightServer, given: dict[str, Any]) -> Question:
    from mmcore.assistant import Question

    document = document_of(server, given["textDocument"]["uri"]) if "textDocument" in given else None
    span = lsp_range_of(given.get("range"))
    return Question(
        text=well_formed(given["question"]),
        images=tuple([await image_of(server, image) for image in given.get("images", ())]),
        document=document,
        range=_range(server, document, span) if document and span else None,
        conversation=given.get("conversation"),
        # In the client's order, whatever the document: the first one keeps the conversations.
        roots=server.roots(),
    )


def document_of(server: SidesightServer, uri: str) -> Document:
    if (opened := server.documents.get(uri)) is not None:
        return opened.snapshot()
    if (path := path_of(uri)) is None:
        raise DocumentError(f"{uri} is not open in the editor")
    return read_document(path)


def _range(server: SidesightServer, document: Document, span: lsp.Range) -> Range:
    return from_lsp_range(split_lines(document.text), span, server.encoding)


async def image_of(server: SidesightServer, image: str) -> Path | bytes:
    """The picture that a client names. Raises ImageError."""
    if image == "clipboard:":
        return await asyncio.to_thread(read_clipboard)
    if image.startswith("data:"):
        return _decode(image, server.session.settings.perception.max_bytes)
    if image.startswith("file:"):
        if (path := path_of(image)) is None:
            raise ImageError(f"{image} names no file on this machine")
        return path
    if _SCHEME.match(image):
        raise ImageError(f"{image.partition(':')[0]}: pictures are not fetched; give a path or a data: URI")
    roots = server.roots()
    return roots[0] / image if roots else Path(image)


def _decode(uri: str, most: int) -> bytes:
    head, _, data = uri.partition(",")
    if not head.endswith(";base64"):
        raise ImageError("a data: URI of a picture must be base64: data:image/png;base64,...")
    if len(data) * 3 // 4 > most:
        raise ImageError(f"a picture has over {most:,} bytes (perception.max_bytes)")
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise ImageError("a data: URI of a picture is not valid base64") from None


@contextmanager
def _stream(server: SidesightServer, token: int | str | None) -> Iterator[Callable[[str], None] | None]:
    """Where pieces of the answer go: to the client's token, between a begin and an end."""
    if token is None:
        yield None
        return
    progress = server.work_done_progress
    progress.begin(token, lsp.WorkDoneProgressBegin(title="Sidesight"))
    try:
        yield lambda piece: progress.report(token, lsp.WorkDoneProgressReport(message=piece))
    finally:
        progress.end(token, lsp.WorkDoneProgressEnd())
        progress.tokens.pop(token, None)  # pygls keeps every token it has seen


def _result(server: SidesightServer, answer: Answer) -> dict[str, Any]:
    return {
        "answer": answer.text,
        "conversation": answer.conversation,
        "locations": [location_of(server, location) for location in answer.locations],
        "sources": list(answer.sources),
        "model": answer.model,
    }


def location_of(server: SidesightServer, location: Location) -> lsp.Location:
    uri = uri_of(location.path)
    opened = server.documents.get(uri)
    lines = opened.lines if opened else _lines_on_disk(location.path)
    return lsp.Location(uri, to_lsp_range(lines, location.range, server.encoding))


def _lines_on_disk(path: Path) -> list[str]:
    try:
        return split_lines(read_document(path).text)
    except DocumentError:
        return []  # columns stay as they are; the assistant names the starts of lines
