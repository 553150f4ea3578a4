"""`sidesight complete`: a completion for a cursor in a file."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from pathlib import Path
from typing import Annotated

import typer

from lsp_server.cli.output import range_json, say_status, settings_or_complaints
from mmcore.config import Settings
from mmcore.errors import DocumentError, InputError
from mmcore.types import Completion, Document, Position, Range, Snippet

# A workspace that was never read may be large; what is known by then must do.
_INDEXING_S = 10.0


def complete(
    cursor: Annotated[
        str,
        typer.Argument(metavar="FILE:LINE:COLUMN", help="Line and column (in characters) from 1.", show_default=False),
    ],
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print text, range (from 1; text replaces it), model, token counts and ms."),
    ] = False,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Also say which code of other places the model was shown, and why."),
    ] = False,
) -> None:
    """Print what the model would write at a cursor; nothing where it has nothing to say.

    Example: sidesight complete src/cart.py:12:5 --json | jq -r .text

    Example: sidesight complete src/cart.py:12:5 --explain
    """
    from mmcore.context.document import read_document

    path, line, column = parse_cursor(cursor)
    document = read_document(path)
    position = place(document, line, column)
    settings = settings_or_complaints()
    started = time.perf_counter()
    completion = asyncio.run(_complete(settings, document, position))
    if completion is None:
        milliseconds = (time.perf_counter() - started) * 1000
        completion = Completion("", Range(position, position), settings.completion.model, milliseconds=milliseconds)
    if as_json:
        said = to_json(completion) | ({"context": [snippet_json(s) for s in completion.snippets]} if explain else {})
        typer.echo(json.dumps(said, ensure_ascii=False))
        return
    typer.echo(completion.text)
    if explain:
        for snippet in completion.snippets:
            typer.echo(f"{snippet.path.as_posix()}:{snippet.start_line + 1}: {snippet.reason}", err=True)
        if not completion.snippets:
            typer.echo("no code of other places was shown to the model", err=True)


async def _complete(settings: Settings, document: Document, position: Position) -> Completion | None:
    from mmcore.assistant import open_assistant
    from mmcore.context.workspace import workspace_root

    assistant = open_assistant(settings, say_status)
    try:
        roots = (workspace_root(document.path),) if document.path else ()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_INDEXING_S):
                await assistant.read_workspace(roots)
        return await assistant.complete(document, position, roots, invoked=True)
    finally:
        await assistant.close()


def parse_cursor(text: str) -> tuple[Path, int, int]:
    """FILE:LINE:COLUMN; the file's own name may have colons. Raises InputError."""
    file, *numbers = text.rsplit(":", 2)
    if not file or len(numbers) != 2 or not all(number.isdecimal() and int(number) for number in numbers):
        raise InputError(f"{text!r} is not FILE:LINE:COLUMN, lines and columns counted from 1")
    return Path(file), int(numbers[0]), int(numbers[1])


def place(document: Document, line: int, column: int) -> Position:
    """The position of a line and column from 1. Raises DocumentError past the end of either."""
    from mmcore.text import line_at, line_starts

    starts = line_starts(document.text)
    if line > len(starts):
        raise DocumentError(f"{document.path} has {len(starts)} lines; there is no line {line}")
    length = len(line_at(document.text, line - 1, starts))
    if column > length + 1:
        raise DocumentError(f"line {line} of {document.path} ends at column {length + 1}; there is no column {column}")
    return Position(line - 1, column - 1)


def to_json(completion: Completion) -> dict[str, object]:
    usage = completion.usage
    return {
        "text": completion.text,
        "range": range_json(completion.range),
        "model": completion.model,
        "prompt_tokens": usage.prompt_tokens,
        "cached_tokens": usage.cached_tokens,
        "completion_tokens": usage.completion_tokens,
        "ms": round(completion.milliseconds, 1),
    }


def snippet_json(snippet: Snippet) -> dict[str, object]:
    return {
        "path": snippet.path.as_posix(),
        "line": snippet.start_line + 1,
        "text": snippet.text,
        "reason": snippet.reason,
        "score": round(snippet.score, 3),
    }
