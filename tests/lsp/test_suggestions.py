"""Which requests are answered, dropped and cancelled, with an assistant that waits until it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mmcore.errors import DocumentError
from mmcore.types import Completion, Document, Neighbour, Position, Range

CANCELLED = -32800


class Waiting:
    """Completes with "!" at the cursor once `go` is set; records what becomes of each request."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.started: list[Document] = []
        self.cancelled = 0
        self.warmed: list[tuple[Document, Position]] = []
        self.roots: Sequence[Path] = ()
        self.neighbours: Sequence[Neighbour] = ()
        self.forgotten: list[str] = []
        self.written: list[Path] = []
        self.failure: Exception | None = None

    async def complete(
        self,
        document: Document,
        position: Position,
        roots: Sequence[Path] = (),
        neighbours: Sequence[Neighbour] = (),
        *,
        invoked: bool = False,
    ) -> Completion:
        self.started.append(document)
        self.roots = roots
        self.neighbours = neighbours
        self.invoked = invoked
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.failure:
            raise self.failure
        return Completion("!", Range(position, position), "double")

    async def warm(
        self,
        document: Document,
        position: Position,
        roots: Sequence[Path] = (),
        neighbours: Sequence[Neighbour] = (),
    ) -> None:
        self.warmed.append((document, position))

    def forget(self, uri: str) -> None:
        self.forgotten.append(uri)

    async def saved(self, path: Path) -> None:
        self.written.append(path)

    async def close(self) -> None: ...


@pytest.fixture
def assistant() -> Waiting:
    return Waiting()


async def spin(condition: Any) -> None:
    """Let the event loop run until `condition()`."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0)


async def test_cancelling_the_request_cancels_the_assistant(connect: Any, at: Any, assistant: Waiting) -> None:
    editor = await connect(lambda *_: assistant)
    editor.open("x = 1")
    reply = editor.ask("textDocument/inlineCompletion", at(0, 5), id_="mine")
    await spin(lambda: assistant.started)
    editor.cancel("mine")
    assert (await reply)["error"]["code"] == CANCELLED
    assert assistant.cancelled == 1


async def test_a_change_of_the_document_drops_its_request(connect: Any, at: Any, assistant: Waiting) -> None:
    editor = await connect(lambda *_: assistant)
    editor.open("x = 1")
    reply = editor.ask("textDocument/inlineCompletion", at(0, 5))
    await spin(lambda: assistant.started)
    editor.change({"text": "x = 12"})
    assert (await reply)["result"] == {"items": []}
    assert assistant.cancelled == 1


async def test_a_change_of_another_document_does_not(connect: Any, at: Any, assistant: Waiting) -> None:
    editor = await connect(lambda *_: assistant)
    editor.open("x = 1")
    editor.open("y = 1", uri="file:///w/b.py")
    reply = editor.ask("textDocument/inlineCompletion", at(0, 5))
    await spin(lambda: assistant.started)
    editor.change({"text": "y = 12"}, uri="file:///w/b.py")
    assistant.go.set()
    assert (await reply)["result"]["items"][0]["insertText"] == "x = 1!"


async def test_a_newer_request_drops_the_older(connect: Any, at: Any, assistant: Waiting) -> None:
    editor = await connect(lambda *_: assistant)
    editor.open("x = 1\ny")
    older = editor.ask("textDocument/inlineCompletion", at(0, 5))
    newer = editor.ask("textDocument/inlineCompletion", at(1, 1))
    assert (await older)["result"] == {"items": []}
    assistant.go.set()
    assert (await newer)["result"]["items"][0]["insertText"] == "y!"


async def test_closing_the_document_drops_its_request(connect: Any, at: Any, assistant: Waiting) -> None:
    editor = await connect(lambda *_: assistant)
    editor.open("x = 1")
    reply = editor.ask("textDocument/inlineCompletion", at(0, 5))
    await spin(lambda: assistant.started)
    editor.notify("textDocument/didClose", {"textDocument": {"uri": "file:///w/a.py"}})
    assert (await reply)["result"] == {"items": []}


async def test_every_key_drops_the_request_of_the_one_before(connect: Any, at: Any, assistant: Waiting) -> None:
    editor = await connect(lambda *_: assistant)
    editor.open("")
    replies = []
    for typed in range(1, 20):
        editor.change({"text": "x" * typed})
        replies.append(editor.ask("textDocument/inlineCompletion", at(0, typed, trigger=2)))
    editor.change({"text": "done"})
    assert [(await reply)["result"] for reply in replies] == [{"items": []}] * 19
    assert assistant.cancelled == len(assistant.started)


@pytest.mark.parametrize(("trigger", "invoked"), [(1, True), (2, False)])
async def test_assistant_knows_whether_it_was_asked_by_a_key_or_by_typing(
    connect: Any, assistant: Waiting, trigger: int, invoked: bool
) -> None:
    assistant.go.set()
    editor = await connect(lambda *_: assistant)
    editor.open("x")
    assert await editor.ghost(0, 1, trigger=trigger)
    assert assistant.invoked is invoked


async def test_a_request_after_a_dropped_one_is_answered_for_the_new_text(
    connect: Any, at: Any, assistant: Waiting
) -> None:
    editor = await connect(lambda *_: assistant)
    editor.open("x")
    dropped = editor.ask("textDocument/inlineCompletion", at(0, 1))
    editor.change({"range": {"start": {"line": 0, "character": 1}, "end": {"line": 0, "character": 1}}, "text": "y"})
    assistant.go.set()
    items = await editor.ghost(0, 2)
    assert (await dropped)["result"] == {"items": []}
    assert items[0]["insertText"] == "xy!"
    assert assistant.started[-1].version == 2


async def test_a_document_is_warmed_when_it_is_opened(connect: Any, assistant: Waiting) -> None:
    editor = await connect(lambda *_: assistant)
    editor.open("x = 1")
    await spin(lambda: assistant.warmed)
    assert assistant.warmed[0][0].text == "x = 1"


async def test_a_change_that_nothing_follows_is_warmed_where_it_was_made(
    connect: Any, assistant: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lsp_server.features.sync.IDLE_S", 0.0)
    editor = await connect(lambda *_: assistant)
    editor.open("x")
    await spin(lambda: assistant.warmed)
    editor.change({"range": {"start": {"line": 0, "character": 1}, "end": {"line": 0, "character": 1}}, "text": "y"})
    await spin(lambda: len(assistant.warmed) == 2)
    document, position = assistant.warmed[-1]
    assert (document.text, position) == ("xy", Position(0, 2))


async def test_client_that_shows_no_progress_does_not_wait_for_a_model_that_loads(
    connect: Any, assistant: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lsp_server.suggestions.UNEXPLAINED_S", 0.0)
    editor = await connect(lambda *_: assistant)
    editor.open("x")
    assert await editor.ghost(0, 1) == []
    assert assistant.cancelled == len(assistant.started)
    assert not editor.heard


async def test_client_that_shows_progress_waits(
    connect: Any, at: Any, assistant: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lsp_server.suggestions.UNEXPLAINED_S", 0.0)
    editor = await connect(lambda *_: assistant, capabilities={"window": {"workDoneProgress": True}})
    editor.open("x")
    reply = editor.ask("textDocument/inlineCompletion", at(0, 1))
    await spin(lambda: assistant.started)
    assistant.go.set()
    assert (await reply)["result"]["items"]


async def test_hanging_up_cancels_what_is_in_flight(connect: Any, at: Any, assistant: Waiting) -> None:
    editor = await connect(lambda *_: assistant)
    editor.open("x")
    editor.ask("textDocument/inlineCompletion", at(0, 1))
    await spin(lambda: assistant.started)
    editor.hang_up()
    await asyncio.wait_for(editor.task, 20)
    assert assistant.cancelled == 1


async def test_cancelling_an_ask_cancels_the_assistant(connect: Any, assistant: Waiting) -> None:
    async def ask(*_: Any) -> None:
        await assistant.complete(Document("", "", ""), Position(0, 0))

    assistant.ask = ask  # type: ignore[attr-defined]
    editor = await connect(lambda *_: assistant)
    command = {"command": "sidesight.ask", "arguments": [{"question": "why?"}]}
    reply = editor.ask("workspace/executeCommand", command, id_=77)
    await spin(lambda: assistant.started)
    editor.cancel(77)
    assert (await reply)["error"]["code"] == CANCELLED
    assert assistant.cancelled == 1


@pytest.mark.parametrize("kind", [1, 3])
async def test_plain_completion_is_dropped_alike(connect: Any, at: Any, assistant: Waiting, kind: int) -> None:
    editor = await connect(lambda *_: assistant, capabilities={"textDocument": {}})
    editor.open("x")
    reply = editor.ask("textDocument/completion", at(0, 1, trigger=kind))
    editor.change({"text": "xy"})
    assert (await reply)["result"] == {"isIncomplete": True, "items": []}


async def test_roots_begin_with_the_innermost_folder_of_the_document(
    connect: Any, assistant: Waiting, tmp_path: Path
) -> None:
    assistant.go.set()
    outer, inner = tmp_path, tmp_path / "inner"
    editor = await connect(lambda *_: assistant, roots=[Path("/elsewhere"), outer, inner])
    editor.open("x", uri=(inner / "a.py").as_uri())
    await editor.ghost(0, 1, uri=(inner / "a.py").as_uri())
    assert list(assistant.roots) == [inner, outer, Path("/elsewhere")]


async def test_added_and_removed_folders_count(connect: Any, assistant: Waiting, tmp_path: Path) -> None:
    assistant.go.set()
    old, new = tmp_path / "old", tmp_path / "new"
    editor = await connect(lambda *_: assistant, roots=[old])
    event = {"added": [{"uri": new.as_uri(), "name": "new"}], "removed": [{"uri": old.as_uri(), "name": "old"}]}
    editor.notify("workspace/didChangeWorkspaceFolders", {"event": event})
    editor.open("x")
    await editor.ghost(0, 1)
    assert list(assistant.roots) == [new]


async def test_what_is_wrong_with_one_document_is_not_shown_at_every_key(connect: Any, assistant: Waiting) -> None:
    assistant.go.set()
    assistant.failure = DocumentError("too large")
    editor = await connect(lambda *_: assistant)
    editor.open("x")
    assert await editor.ghost(0, 1) == []
    assert not editor.heard


async def test_the_other_documents_come_with_the_request_the_one_edited_last_first(
    connect: Any, assistant: Waiting
) -> None:
    assistant.go.set()
    editor = await connect(lambda *_: assistant)
    for name in "abc":
        editor.open("one\ntwo\n", uri=f"file:///w/{name}.py")
    start = {"line": 1, "character": 0}
    editor.change({"range": {"start": start, "end": start}, "text": "x"}, uri="file:///w/b.py")
    await editor.ghost(0, 1)
    assert [(n.document.uri, n.edited) for n in assistant.neighbours] == [
        ("file:///w/b.py", 1),
        ("file:///w/c.py", None),
    ]


async def test_the_assistant_is_told_what_was_closed_and_saved(
    connect: Any, assistant: Waiting, tmp_path: Path
) -> None:
    assistant.go.set()
    editor = await connect(lambda *_: assistant)
    assert editor.capabilities["capabilities"]["textDocumentSync"]["save"]
    uri = (tmp_path / "a.py").as_uri()
    editor.open("x", uri=uri)
    await editor.ghost(0, 1, uri=uri)
    editor.notify("textDocument/didSave", {"textDocument": {"uri": uri}})
    await spin(lambda: assistant.written)
    editor.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    await spin(lambda: assistant.forgotten)
    assert (assistant.written, assistant.forgotten) == ([tmp_path / "a.py"], [uri])
