"""`sidesight demo`: the main job on the sample workspace, through the language server that editors talk to."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import typer
from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient
from rich.console import Console
from rich.markup import escape
from rich.syntax import Syntax

from lsp_server.cli.models import pull_with_progress
from mmcore import config
from mmcore.errors import EngineError

_ANSWER = "answer"  # the token that pieces of the answer come with
QUESTION = "Why does this program fail, and how do I fix it?"

NEXT = """\
What next:
  sidesight complete FILE:LINE:COLUMN                 a completion at any cursor of yours
  sidesight ask "Why?" --image SCREENSHOT.png         a question about your own picture
  sidesight doctor                                    what is installed, and what is wrong
  editor-clients/README.md                            ghost text in Neovim, VS Code, Emacs and others
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the demo saw, for --json and for its exit status."""

    completion: str
    answer: str
    locations: list[str]


def demo(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False) -> None:
    """Show a completion, and an answer about a screenshot, on the sample workspace.

    Fetches the weights (about 1.6 GB) the first time. Everything runs on this machine.
    """
    console = Console(stderr=as_json)
    settings, _ = config.load()
    if not settings.engine.url:
        for name in dict.fromkeys((settings.completion.model, settings.chat.model)):
            pull_with_progress(name, settings, console)
    with resources.as_file(resources.files("lsp_server") / "sample") as workspace:
        cart = workspace / "shop" / "cart.py"
        opened = cart.read_text("utf-8").rstrip() + "\n    "  # its last function has no body yet
        shown = asyncio.run(_session(workspace, cart, opened, console))
    if as_json:
        typer.echo(json.dumps({"completion": shown.completion, "answer": shown.answer, "locations": shown.locations}))
    if not (shown.completion and shown.answer and shown.locations):
        raise EngineError("the demo did not get all that it asked for: run `sidesight doctor` to see why")
    console.print(NEXT, highlight=False)


async def _session(workspace: Path, cart: Path, opened: str, console: Console) -> Shown:
    client = LanguageClient("sidesight-demo", "1")

    @client.feature(lsp.WINDOW_SHOW_MESSAGE)  # type: ignore[untyped-decorator]
    def _(params: lsp.ShowMessageParams) -> None:
        console.print(f"[yellow]{escape(params.message)}[/]")

    @client.feature(lsp.WINDOW_WORK_DONE_PROGRESS_CREATE)  # type: ignore[untyped-decorator]
    def _(params: lsp.WorkDoneProgressCreateParams) -> None:
        """Progress is shown as it comes."""

    @client.feature(lsp.PROGRESS)  # type: ignore[untyped-decorator]
    def _(params: lsp.ProgressParams) -> None:
        value = _plain(params.value)
        message = value.get("message") or value.get("title") or ""
        if params.token == _ANSWER:
            console.out(message if value.get("kind") == "report" else "", end="", highlight=False)
        elif message:
            console.print(f"[dim]{escape(message)}[/]")

    await client.start_io(sys.executable, "-P", "-m", "lsp_server", "serve")
    try:
        await client.initialize_async(
            lsp.InitializeParams(
                capabilities=lsp.ClientCapabilities(window=lsp.WindowClientCapabilities(work_done_progress=True)),
                root_uri=workspace.as_uri(),
                workspace_folders=[lsp.WorkspaceFolder(workspace.as_uri(), "sample")],
            )
        )
        client.initialized(lsp.InitializedParams())
        completion = await _complete(client, cart, opened, console)
        answer = await _ask(client, workspace / "pictures" / "checkout-fails.png", console)
        await client.shutdown_async(None)
        client.exit(None)
    finally:
        await client.stop()  # type: ignore[no-untyped-call]
    return Shown(completion, answer["answer"], [_place(location) for location in answer["locations"]])


async def _complete(client: LanguageClient, path: Path, text: str, console: Console) -> str:
    """Ask for ghost text at the end of `text`."""
    client.text_document_did_open(
        lsp.DidOpenTextDocumentParams(lsp.TextDocumentItem(path.as_uri(), lsp.LanguageKind.Python, 1, text))
    )
    cursor = lsp.Position(line=text.count("\n"), character=4)
    console.rule(f"A completion at {path.name}:{cursor.line + 1}:{cursor.character + 1}")
    result = await client.text_document_inline_completion_async(
        lsp.InlineCompletionParams(
            context=lsp.InlineCompletionContext(lsp.InlineCompletionTriggerKind.Invoked),
            text_document=lsp.TextDocumentIdentifier(path.as_uri()),
            position=cursor,
        )
    )
    items = result.items if isinstance(result, lsp.InlineCompletionList) else result or []
    written = str(items[0].insert_text) if items else ""
    shown = "\n".join([*text.splitlines()[-3:-1], written])
    console.print(Syntax(shown, "python", background_color="default"))
    return written.strip()


async def _ask(client: LanguageClient, picture: Path, console: Console) -> dict[str, Any]:
    console.rule(f"A question about {picture.name}")
    console.print(f"[bold]{QUESTION}[/]")
    asked = {"question": QUESTION, "images": [str(picture)], "workDoneToken": _ANSWER}
    result = await client.workspace_execute_command_async(
        lsp.ExecuteCommandParams(command="sidesight.ask", arguments=[asked])
    )
    answer: dict[str, Any] = _plain(result)
    console.print()
    for location in answer["locations"]:
        console.print(f"[bold green]→ {escape(_place(location))}[/]", highlight=False)
    return answer


def _plain(value: Any) -> Any:
    """pygls hands untyped results over as attribute objects; the demo wants what was on the wire."""
    return json.loads(json.dumps(value, default=lambda item: getattr(item, "_asdict", item.__dict__.copy)()))


def _place(location: dict[str, Any]) -> str:
    from lsp_server.convert import path_of

    return f"{path_of(location['uri'])}:{location['range']['start']['line'] + 1}"
