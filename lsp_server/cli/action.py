"""What the commands `generate`, `fix`, `doc`, `test`, `explain` and `review` have in common. No command itself."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lsp_server.cli.output import location_json, range_json, say_status, settings_or_complaints
from mmcore.errors import DocumentError, InputError
from mmcore.types import Document, Position, Range

if TYPE_CHECKING:
    from mmcore.actions.request import Diagnostic, Outcome, Request

Place = Annotated[
    str,
    typer.Argument(
        metavar="FILE[:A-B | :SYMBOL]", help="A file, its lines A to B, or a name in it.", show_default=False
    ),
]
Instruction = Annotated[str, typer.Option("--instruction", "-i", help="What you want, in your words.")]
Images = Annotated[list[Path] | None, typer.Option("--image", help="A picture to work from; may be repeated.")]
Run = Annotated[bool, typer.Option("--run", help="Allow tests of this workspace to run, in a sandbox, this once.")]
Show = Annotated[bool, typer.Option("--diff/--no-diff", help="Print what would change as a unified diff.")]
Write = Annotated[bool, typer.Option("--write", help="Change the file, if every check passed.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print edits, diff, checks, candidates and tokens.")]

READING_S = 2.0
_PART = re.compile(r"(?P<file>.+?):(?:(?P<first>\d+)(?:-(?P<last>\d+))?|(?P<symbol>[^\W\d][\w.]*))")
_DIAGNOSTIC = re.compile(
    r"(?:(?:line )?(?P<line>\d+)(?::\d+)?:?\s+)?(?:(?P<code>[A-Z]+[0-9]+)\b:?\s*)?(?P<message>.*)", re.S
)
_MARKS = {"passed": "✓", "failed": "✗", "could_not_run": "–"}


def request_of(
    place: str,
    *,
    instruction: str = "",
    images: Sequence[Path] | None = None,
    diagnostic: str = "",
    failing_test: str = "",
    run: bool = False,
) -> Request:
    """Raises InputError for a place or a diagnostic that the file does not have."""
    from mmcore.actions.request import Request
    from mmcore.context.workspace import workspace_root
    from mmcore.verify.consent import may_run

    document, span, symbol = read_place(place)
    assert document.path is not None
    root = workspace_root(document.path)
    return Request(
        document,
        span,
        symbol,
        instruction,
        tuple(images or ()),
        (read_diagnostic(diagnostic, document),) if diagnostic else (),
        failing_test,
        (root,),
        run or may_run(root),
    )


def read_place(text: str) -> tuple[Document, Range | None, str]:
    """The file, the lines and the name that FILE, FILE:A-B or FILE:SYMBOL says."""
    from mmcore.context.document import read_document
    from mmcore.text import line_at, line_starts

    if Path(text).is_dir():
        return _readme(Path(text)), None, ""
    match = None if Path(text).exists() else _PART.fullmatch(text)
    if match is None:
        return read_document(Path(text)), None, ""
    document = read_document(Path(match["file"]))
    if match["symbol"]:
        return document, None, match["symbol"]
    first, last = int(match["first"]), int(match["last"] or match["first"])
    starts = line_starts(document.text)
    if not 1 <= first <= last <= len(starts):
        raise DocumentError(f"{document.path} has {len(starts)} lines; there are no lines {first}-{last}")
    end = Position(last - 1, len(line_at(document.text, last - 1, starts)))
    return document, Range(Position(first - 1, 0), end), ""


def _readme(folder: Path) -> Document:
    """The README of a folder, which need not be there yet."""
    from mmcore.context.document import read_document

    there = [path for path in sorted(folder.iterdir()) if path.name.lower() in ("readme.md", "readme.markdown")]
    if there:
        return read_document(there[0])
    path = folder.resolve() / "README.md"
    return Document(path.as_uri(), "markdown", "", path=path)


def read_diagnostic(text: str, document: Document) -> Diagnostic:
    """`[LINE:] [CODE] MESSAGE`; without a line, where ruff reports that code."""
    from mmcore.actions.fix import reported
    from mmcore.actions.request import Diagnostic, Request
    from mmcore.context.workspace import workspace_root
    from mmcore.text import line_starts

    match = _DIAGNOSTIC.fullmatch(text.strip())
    assert match is not None  # every part of it may be absent
    code, message = match["code"] or "", match["message"].strip()
    if match["line"]:
        line = int(match["line"]) - 1
        if not 0 <= line < len(line_starts(document.text)):
            raise InputError(f"the diagnostic names line {line + 1}, which {document.path} does not have")
        return Diagnostic(Range(Position(line, 0), Position(line, 0)), message, code)
    assert document.path is not None
    found = [d for d in reported(Request(document, roots=(workspace_root(document.path),))) if d.code == code]
    if not found:
        raise InputError("say in which line: --diagnostic 'LINE: CODE MESSAGE'")
    return replace(found[0], message=message or found[0].message)


def perform(action: str, request: Request, *, as_json: bool, show: bool = True, write: bool = False) -> None:
    """Carry the action out and print it; exit status 0 when its checks passed, 1 when they did not."""
    outcome = asyncio.run(_perform(action, request, stream=not as_json and action in ("explain", "review")))
    written = write and outcome.passed and bool(outcome.edits)
    if written:
        save(outcome)
    if as_json:
        typer.echo(json.dumps(to_json(outcome), ensure_ascii=False))
    else:
        _print(outcome, show=show and not written)
    raise typer.Exit(0 if outcome.passed else 1)


async def _perform(action: str, request: Request, *, stream: bool) -> Outcome:
    from mmcore.assistant import open_assistant

    assistant = open_assistant(settings_or_complaints(), say_status)
    try:
        # Of a large workspace, what has been read by then is what the model is shown.
        await asyncio.wait([asyncio.create_task(assistant.read_workspace(request.roots))], timeout=READING_S)
        return await assistant.act(
            action, request, say_status, (lambda piece: typer.echo(piece, nl=False)) if stream else (lambda piece: None)
        )
    finally:
        await assistant.close()


def save(outcome: Outcome) -> None:
    """Write the changed text. Raises DocumentError when the file is no longer what the edit was made for."""
    from mmcore.context.document import read_document

    path = outcome.document.path
    assert path is not None
    mark = b""
    if path.exists():
        if read_document(path).text != outcome.document.text:
            raise DocumentError(f"{path} changed meanwhile; nothing was written, ask again")
        mark = b"\xef\xbb\xbf" if path.read_bytes().startswith(b"\xef\xbb\xbf") else b""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(mark + outcome.after.encode("utf-8"))


def _print(outcome: Outcome, *, show: bool) -> None:
    if outcome.text:
        typer.echo()
    for finding in outcome.findings:
        start = finding.range.start
        typer.echo(f"{outcome.document.path}:{start.line + 1}:{start.column + 1}: {finding.message}")
    if show and outcome.diff:
        typer.echo(outcome.diff, nl=False)
    for check in outcome.checks:
        detail = f": {check.detail}" if check.detail else ""
        typer.echo(f"{_MARKS[check.status]} {check.name}{detail}", err=True)
    typer.echo(outcome.message, err=True)


def to_json(outcome: Outcome) -> dict[str, Any]:
    path = str(outcome.document.path)
    usage = outcome.usage
    held: dict[str, Any] = {
        "edits": [{"path": path, "range": range_json(e.range), "text": e.new_text} for e in outcome.edits],
        "diff": outcome.diff,
        "checks": [
            {"name": c.name, "status": c.status, "detail": c.detail, "ms": round(c.milliseconds, 1)}
            for c in outcome.checks
        ],
        "candidates": outcome.candidates,
        "tokens": {"prompt": usage.prompt_tokens, "cached": usage.cached_tokens, "completion": usage.completion_tokens},
        "message": outcome.message,
    }
    if outcome.text:
        held["text"] = outcome.text
        held["locations"] = [location_json(location) for location in outcome.locations]
        held["findings"] = [{"range": range_json(f.range), "message": f.message} for f in outcome.findings]
    return held
