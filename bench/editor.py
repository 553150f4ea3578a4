"""An editor for the benchmarks: `sidesight serve` in a process of its own, spoken to by pygls' client."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import httpx2
from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient

INVOKED = lsp.InlineCompletionTriggerKind.Invoked
AUTOMATIC = lsp.InlineCompletionTriggerKind.Automatic


class Buffer:
    """A document, edited as a trace says."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")

    def apply(self, event: dict[str, Any]) -> None:
        if "range" in event:
            first, start, last, end = event["range"]
            new = self.lines[first][:start] + event["text"] + self.lines[last][end:]
            self.lines[first : last + 1] = new.split("\n")

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


class Editor:
    """`state` is the folder where the host that it finds or starts has its address."""

    def __init__(self, state: Path, model: str, **settings: str) -> None:
        self._state = state
        self._environment = dict(os.environ, SIDESIGHT_STATE=str(state), SIDESIGHT_COMPLETION_MODEL=model, **settings)
        self._client = LanguageClient("bench", "1")
        self._asked = 0
        self._uri, self._version = "", 0

    @property
    def pid(self) -> int:
        return int(self._client._server.pid)  # type: ignore[union-attr]

    async def start(self, root: Path | None = None) -> None:
        await self._client.start_io(*(sys.executable, "-m", "lsp_server", "serve"), env=self._environment)
        for method in (lsp.WINDOW_SHOW_MESSAGE, lsp.WINDOW_LOG_MESSAGE, lsp.PROGRESS):
            self._client.feature(method)(lambda params: None)
        inline = lsp.TextDocumentClientCapabilities(inline_completion=lsp.InlineCompletionClientCapabilities())
        folders = [lsp.WorkspaceFolder(root.as_uri(), root.name)] if root else None
        await self._client.initialize_async(
            lsp.InitializeParams(lsp.ClientCapabilities(text_document=inline), os.getpid(), workspace_folders=folders)
        )
        self._client.initialized(lsp.InitializedParams())

    def open(self, name: str, language: str, text: str) -> None:
        self._uri, self._version = f"file:///bench/{name}", 1
        item = lsp.TextDocumentItem(self._uri, language, 1, text)
        self._client.text_document_did_open(lsp.DidOpenTextDocumentParams(item))

    def leave(self) -> None:
        """Close the document that was opened last."""
        self._client.text_document_did_close(lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(self._uri)))

    def change(self, event: dict[str, Any]) -> None:
        """Send the edit of an event of a trace; nothing for a move."""
        if "range" not in event:
            return
        first, start, last, end = event["range"]
        span = lsp.Range(lsp.Position(first, start), lsp.Position(last, end))
        self._version += 1
        self._client.text_document_did_change(
            lsp.DidChangeTextDocumentParams(
                lsp.VersionedTextDocumentIdentifier(self._version, self._uri),
                [lsp.TextDocumentContentChangePartial(span, event["text"])],
            )
        )

    def ask(self, line: int, character: int, kind: lsp.InlineCompletionTriggerKind) -> tuple[str, asyncio.Future[str]]:
        """Ask for ghost text: the request's number, and the text to come ("" for none)."""
        self._asked += 1
        number = f"ask-{self._asked}"
        asked = lsp.InlineCompletionParams(
            lsp.InlineCompletionContext(kind), lsp.TextDocumentIdentifier(self._uri), lsp.Position(line, character)
        )
        reply = self._client.protocol.send_request(lsp.TEXT_DOCUMENT_INLINE_COMPLETION, asked, msg_id=number)
        return number, asyncio.ensure_future(_text(asyncio.wrap_future(reply)))

    def cancel(self, number: str) -> None:
        self._client.cancel_request(lsp.CancelParams(number))

    async def stop(self) -> None:
        await self._client.shutdown_async(None)
        self._client.exit(None)
        await self._client.stop()

    async def stop_host(self) -> None:
        stop = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "lsp_server", "host", "--stop"),
            env=self._environment,
            stdout=asyncio.subprocess.DEVNULL,
        )
        await stop.wait()

    def host_pid(self) -> int:
        return int(json.loads((self._state / "host.json").read_text())["pid"])

    async def metrics(self) -> dict[str, float]:
        """The host's counters, summed over their labels."""
        address = json.loads((self._state / "host.json").read_text())
        token = (self._state / "host.token").read_text().strip()
        root = address["url"].removesuffix("/v1")
        async with httpx2.AsyncClient(trust_env=False) as client:
            text = (await client.get(f"{root}/metrics", headers={"Authorization": f"Bearer {token}"})).text
        found: dict[str, float] = {}
        for name, value in re.findall(r"^sidesight_(\w+)_total(?:\{[^}]*\})? (\S+)$", text, re.MULTILINE):
            found[name] = found.get(name, 0.0) + float(value)
        return found


async def _text(reply: asyncio.Future[Any]) -> str:
    answer = await reply
    items = answer.items if isinstance(answer, lsp.InlineCompletionList) else answer or []
    return str(items[0].insert_text) if items else ""
