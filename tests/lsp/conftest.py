"""An editor that can say anything, well-formed or not, to a server in the same event loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from lsp_server.server import create_server
from lsp_server.transport import converse
from mmcore.assistant import Assistant
from mmcore.config import CompletionSettings, Settings
from mmcore.engine.scripted import ScriptedEngine
from mmcore.perception.reader import Reader

# Long enough for a busy machine; a test that waits for it has failed.
PATIENCE_S = 60.0

AT_ONCE = Settings(completion=CompletionSettings(debounce_ms=0, look_ahead=False))


class Refused(Exception):
    """An error reply."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.code: int = error["code"]


class Editor:
    """The client's end of a connection, and the channel that the server writes to."""

    framed = False

    def __init__(self, answers: dict[str, Callable[[Any], Any]]) -> None:
        self.answers = answers
        self.heard: list[tuple[str, Any]] = []
        self.replies: dict[Any, asyncio.Future[dict[str, Any]]] = {}
        self.stray: list[dict[str, Any]] = []
        self._to_server: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._news = asyncio.Condition()
        self._noticed: set[asyncio.Task[None]] = set()
        self._last_id = 0

    # The server's side.

    async def receive(self, limit: int) -> bytes | None:
        return await self._to_server.get()

    def write(self, data: bytes) -> None:
        message = json.loads(data)
        if "method" in message and "id" in message:
            self._answer(message)
        elif "method" in message:
            self.heard.append((message["method"], message.get("params")))
        elif message["id"] in self.replies:
            reply = self.replies.pop(message["id"])
            if not reply.cancelled():
                reply.set_result(message)
        else:
            self.stray.append(message)
        task = asyncio.create_task(self._notice())
        self._noticed.add(task)
        task.add_done_callback(self._noticed.discard)

    async def close(self) -> None: ...

    # The test's side.

    def _answer(self, message: dict[str, Any]) -> None:
        self.heard.append((message["method"], message["params"]))
        if message["method"] in self.answers:
            result = self.answers[message["method"]](message["params"])
            self.send({"jsonrpc": "2.0", "id": message["id"], "result": result})
        else:
            error = {"code": -32601, "message": "not known"}
            self.send({"jsonrpc": "2.0", "id": message["id"], "error": error})

    async def _notice(self) -> None:
        async with self._news:
            self._news.notify_all()

    def send(self, message: Any) -> None:
        self._to_server.put_nowait(json.dumps(message).encode())

    def send_bytes(self, data: bytes) -> None:
        self._to_server.put_nowait(data)

    def hang_up(self) -> None:
        self._to_server.put_nowait(None)

    def notify(self, method: str, params: Any = None) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def ask(self, method: str, params: Any = None, id_: Any = None) -> asyncio.Task[dict[str, Any]]:
        """The reply to come; `cancel` the request by its `id_`."""
        self._last_id += 1
        id_ = self._last_id if id_ is None else id_
        self.replies[id_] = asyncio.get_running_loop().create_future()
        self.send({"jsonrpc": "2.0", "id": id_, "method": method, "params": params})
        return asyncio.create_task(asyncio.wait_for(self.replies[id_], PATIENCE_S))

    async def request(self, method: str, params: Any = None) -> Any:
        reply = await self.ask(method, params)
        if "error" in reply:
            raise Refused(reply["error"])
        return reply["result"]

    def cancel(self, id_: Any) -> None:
        self.notify("$/cancelRequest", {"id": id_})

    async def until(self, happened: Callable[[], Any]) -> Any:
        """Wait for something to be true, looking whenever the server has written."""
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(happened)
        return happened()

    def heard_of(self, method: str) -> list[Any]:
        return [params for name, params in self.heard if name == method]

    # What most tests say.

    def open(self, text: str, uri: str = "file:///w/a.py", language: str = "python") -> None:
        item = {"uri": uri, "languageId": language, "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})

    def change(self, *changes: dict[str, Any], uri: str = "file:///w/a.py", version: int = 2) -> None:
        document = {"uri": uri, "version": version}
        self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": list(changes)})

    async def ghost(self, line: int, character: int, **more: Any) -> list[dict[str, Any]]:
        """Inline completion items, asked for by a key (not by typing)."""
        result = await self.request("textDocument/inlineCompletion", at(line, character, **more))
        items: list[dict[str, Any]] = result["items"]
        return items

    async def command(self, *arguments: Any, name: str = "sidesight.ask") -> Any:
        return await self.request("workspace/executeCommand", {"command": name, "arguments": list(arguments)})


def at(line: int, character: int, uri: str = "file:///w/a.py", trigger: int = 1) -> dict[str, Any]:
    return {
        "textDocument": {"uri": uri},
        "position": {"line": line, "character": character},
        "context": {"triggerKind": trigger},
    }


@pytest.fixture(name="at")
def at_fixture() -> Callable[..., dict[str, Any]]:
    return at


class Scripted:
    """Opens real assistants on one scripted engine, and remembers with which settings."""

    def __init__(self, script: Any, pace: Any = None) -> None:
        settings = Settings()
        self.engine = ScriptedEngine(script, (settings.completion.model, settings.chat.model), pace)
        self.opened: list[Settings] = []
        self.say: Callable[[str], None] = print

    def __call__(self, settings: Settings, on_status: Callable[[str], None]) -> Assistant:
        self.opened.append(settings)
        self.say = on_status
        return Assistant(settings, self.engine, Reader(settings.perception))


@pytest.fixture
def scripted() -> Callable[..., Scripted]:
    return Scripted


@pytest.fixture
def refused() -> type[Refused]:
    return Refused


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., Awaitable[Editor]]]:
    """Connect an editor to a server of its own, and say `initialize` and `initialized` unless told not to.

    `answers`: how the editor answers the server's requests, by method.
    """
    conversations: list[tuple[Editor, asyncio.Task[int]]] = []

    async def connected(
        open_assistant: Callable[..., Any],
        settings: Settings = AT_ONCE,
        *,
        problems: Sequence[str] = (),
        capabilities: dict[str, Any] | None = None,
        roots: Sequence[Path] = (),
        options: Any = None,
        answers: dict[str, Callable[[Any], Any]] | None = None,
        token: str | None = None,
        initialize: bool = True,
    ) -> Editor:
        editor = Editor(answers or {})
        server = create_server(open_assistant, settings, problems, token)
        editor.task = asyncio.create_task(converse(server, editor))
        conversations.append((editor, editor.task))
        if initialize:
            editor.capabilities = await editor.request(
                "initialize",
                {
                    "processId": None,
                    "rootUri": None,
                    "capabilities": {"textDocument": {"inlineCompletion": {}}, **(capabilities or {})},
                    "workspaceFolders": [{"uri": root.as_uri(), "name": root.name} for root in roots],
                    "initializationOptions": options,
                },
            )
            editor.notify("initialized", {})
        return editor

    yield connected
    for editor, task in conversations:
        editor.hang_up()
        await asyncio.wait_for(task, PATIENCE_S)
