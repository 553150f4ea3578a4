"""A client of the language server as editors start it: a subprocess that talks LSP over stdio."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient

from mmcore import config
from mmcore.types import Position

SAMPLE = Path(__file__).parents[2] / "lsp_server" / "sample"


class Editor:
    """What a test does in an editor: open, ask for ghost text, ask a question."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client = LanguageClient("test-editor", "1")
        self.messages: list[str] = []
        self.progress: list[tuple[Any, dict[str, Any]]] = []

        @self.client.feature(lsp.WINDOW_SHOW_MESSAGE)
        def _(params: lsp.ShowMessageParams) -> None:
            self.messages.append(params.message)

        @self.client.feature(lsp.WINDOW_WORK_DONE_PROGRESS_CREATE)
        def _(params: lsp.WorkDoneProgressCreateParams) -> None:
            """Allowed."""

        @self.client.feature(lsp.PROGRESS)
        def _(params: lsp.ProgressParams) -> None:
            self.progress.append((params.token, plain(params.value)))

    async def start(self, *arguments: str) -> lsp.InitializeResult:
        await self.client.start_io(sys.executable, "-m", "lsp_server", "serve", *arguments)
        result = await self.client.initialize_async(
            lsp.InitializeParams(
                capabilities=lsp.ClientCapabilities(window=lsp.WindowClientCapabilities(work_done_progress=True)),
                workspace_folders=[lsp.WorkspaceFolder(self.folder.as_uri(), "sample")],
            )
        )
        self.client.initialized(lsp.InitializedParams())
        return result

    async def stop(self) -> None:
        await self.client.shutdown_async(None)
        self.client.exit(None)
        await self.client.stop()

    def open(self, path: str, text: str | None = None) -> str:
        file = self.folder / path
        text = file.read_text("utf-8") if text is None else text
        language = {".py": "python", ".ts": "typescript", ".rs": "rust", ".go": "go", ".c": "c"}[file.suffix]
        self.client.text_document_did_open(
            lsp.DidOpenTextDocumentParams(lsp.TextDocumentItem(file.as_uri(), language, 1, text))
        )
        return text

    async def ghost(self, path: str, line: int, column: int) -> lsp.InlineCompletionItem | None:
        """Ghost text, asked for by hand, at a 0-based position."""
        result = await self.client.text_document_inline_completion_async(
            lsp.InlineCompletionParams(
                context=lsp.InlineCompletionContext(lsp.InlineCompletionTriggerKind.Invoked),
                text_document=lsp.TextDocumentIdentifier((self.folder / path).as_uri()),
                position=lsp.Position(line, column),
            )
        )
        assert isinstance(result, lsp.InlineCompletionList)
        return result.items[0] if result.items else None

    async def ask(self, question: str, **more: Any) -> dict[str, Any]:
        return plain(
            await self.client.workspace_execute_command_async(
                lsp.ExecuteCommandParams("sidesight.ask", [{"question": question, **more}])
            )
        )


def plain(value: Any) -> Any:
    """pygls hands untyped values over as attribute objects."""
    return json.loads(json.dumps(value, default=lambda item: getattr(item, "_asdict", item.__dict__.copy)()))


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return shutil.copytree(SAMPLE, tmp_path / "sample")


@pytest.fixture
def connect(workspace: Path, small_model: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Opens an editor whose every request is answered by the 0.5B, through the tests' own host."""
    monkeypatch.setenv("SIDESIGHT_CHAT_MODEL", small_model)
    monkeypatch.setenv("SIDESIGHT_COMPLETION_MODEL", small_model)
    # What is asserted stands in the first sentences; a small model goes on for as long as it may.
    monkeypatch.setenv("SIDESIGHT_CHAT_MAX_TOKENS", "160")

    @asynccontextmanager
    async def editor() -> AsyncIterator[Editor]:
        opened = Editor(workspace)
        await opened.start()
        try:
            yield opened
        finally:
            await opened.stop()

    return editor


def cursor_after(text: str, mark: str) -> Position:
    """Behind the first `mark`, 0-based."""
    before = text[: text.index(mark) + len(mark)]
    return Position(before.count("\n"), len(before) - before.rfind("\n") - 1)


class Metrics:
    """The running host's `/metrics`."""

    def __init__(self) -> None:
        state = json.loads((config.state_dir() / "host.json").read_text("utf-8"))
        self.pid: int = state["pid"]
        self._url = state["url"].removesuffix("/v1")
        self._token = (config.state_dir() / "host.token").read_text("utf-8").strip()

    async def value(self, name: str) -> float:
        """The sum over all labels."""
        async with httpx2.AsyncClient(trust_env=False) as client:
            reply = await client.get(f"{self._url}/metrics", headers={"Authorization": f"Bearer {self._token}"})
        return sum(float(found) for found in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", reply.text, re.MULTILINE))


async def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    """Waits for a condition that the machine's speed decides about; fails when it never comes."""
    async with asyncio.timeout(seconds):
        while not (found := condition()) or (asyncio.iscoroutine(found) and not await found):
            await asyncio.sleep(0.02)
