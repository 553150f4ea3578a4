"""`sidesight ask`: a question about code and pictures."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lsp_server.cli.output import location_json, picture, say_status, settings_or_complaints
from mmcore.config import Settings
from mmcore.errors import DocumentError, InputError
from mmcore.types import Document, Position, Range

if TYPE_CHECKING:
    from mmcore.assistant import Answer, Question

_LINES = re.compile(r"(?P<file>.+):(?P<first>\d+)(?:-(?P<last>\d+))?")


def ask(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="In any language.", show_default=False)],
    image: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH", help="A picture to look at, or `clipboard:`, or a base64 data: URI; may be repeated."
        ),
    ] = None,
    file: Annotated[str | None, typer.Option(metavar="PATH[:A-B]", help="A file, or its lines A to B.")] = None,
    conversation: Annotated[str | None, typer.Option(metavar="ID", help="Go on with an earlier one.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print answer, conversation, locations, sources and model.")
    ] = False,
) -> None:
    """Answer a question, with the places in the workspace that the answer is about.

    Example: sidesight ask "Why does this fail?" --image screenshot.png --file src/cart.py:10-40
    """
    from mmcore.assistant import Question
    from mmcore.context.workspace import workspace_root

    if not question.strip():
        raise InputError("the question is empty")
    document, span = read_part(file) if file else (None, None)
    asked = Question(
        question, tuple(map(picture, image or ())), document, span, conversation, (workspace_root(Path.cwd()),)
    )
    settings = settings_or_complaints()
    if as_json:
        answer = asyncio.run(_ask(settings, asked, None))
        typer.echo(json.dumps(to_json(answer), ensure_ascii=False))
        return
    answer = asyncio.run(_ask(settings, asked, lambda piece: typer.echo(piece, nl=False)))
    typer.echo()
    for location in answer.locations:
        typer.echo(f"→ {location.path}:{location.range.start.line + 1}")
    if answer.conversation:
        typer.echo(f"(to go on: --conversation {answer.conversation})", err=True)


async def _ask(settings: Settings, question: Question, on_text: Callable[[str], None] | None) -> Answer:
    from mmcore.assistant import open_assistant

    assistant = open_assistant(settings, say_status)
    try:
        return await assistant.ask(question, on_text)
    finally:
        await assistant.close()


def read_part(text: str) -> tuple[Document, Range | None]:
    """The file that PATH, PATH:A or PATH:A-B names, and its lines A to B, from 1 and inclusive. Raises InputError."""
    from mmcore.context.document import read_document
    from mmcore.text import line_at, line_starts

    match = _LINES.fullmatch(text)
    if match is None or Path(text).exists():  # a file's own name may look like that
        return read_document(Path(text)), None
    document = read_document(Path(match["file"]))
    first, last = int(match["first"]), int(match["last"] or match["first"])
    starts = line_starts(document.text)
    if not 1 <= first <= last:
        raise DocumentError(f"{text}: lines are counted from 1, and the first of them comes first")
    if last > len(starts):
        raise DocumentError(f"{document.path} has {len(starts)} lines; there is no line {last}")
    end = Position(last - 1, len(line_at(document.text, last - 1, starts)))
    return document, Range(Position(first - 1, 0), end)


def to_json(answer: Answer) -> dict[str, object]:
    return {
        "answer": answer.text,
        "conversation": answer.conversation,
        "locations": [location_json(location) for location in answer.locations],
        "sources": list(answer.sources),
        "model": answer.model,
    }
