"""`sidesight serve` as a process: what it imports, and its three transports."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient

SERVE = [sys.executable, "-m", "lsp_server", "serve"]
HEAVY = """torch transformers onnxruntime openvino xllamacpp numpy cv2 PIL huggingface_hub starlette uvicorn
rapidocr""".split()  # noqa: SIM905
LOADED = f"import sys; print([name for name in {HEAVY} if name in sys.modules])"


@pytest.mark.parametrize("module", ["lsp_server.server", "lsp_server.transport", "mmcore.assistant"])
def test_language_server_imports_nothing_heavy(module: str) -> None:
    found = subprocess.run(
        [sys.executable, "-c", f"import {module}; {LOADED}"], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


def initialize(token: str | None = None) -> lsp.InitializeParams:
    capabilities = lsp.ClientCapabilities(
        text_document=lsp.TextDocumentClientCapabilities(inline_completion=lsp.InlineCompletionClientCapabilities())
    )
    return lsp.InitializeParams(capabilities=capabilities, initialization_options=token and {"token": token})


async def ghost(client: LanguageClient, text: str) -> list[lsp.InlineCompletionItem]:
    """What a real client gets at the end of a document's first line."""
    client.text_document_did_open(
        lsp.DidOpenTextDocumentParams(lsp.TextDocumentItem("file:///w/a.py", "python", 1, text))
    )
    result = await client.text_document_inline_completion_async(
        lsp.InlineCompletionParams(
            context=lsp.InlineCompletionContext(lsp.InlineCompletionTriggerKind.Invoked),
            text_document=lsp.TextDocumentIdentifier("file:///w/a.py"),
            position=lsp.Position(0, len(text)),
        )
    )
    assert isinstance(result, lsp.InlineCompletionList)
    return list(result.items)


async def test_absent_engine_is_no_completion_and_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    # The port of the discard service, where nothing listens.
    monkeypatch.setenv("SIDESIGHT_ENGINE_URL", "http://127.0.0.1:9/v1")
    client = LanguageClient("test", "1")
    messages: list[str] = []
    client.feature(lsp.WINDOW_SHOW_MESSAGE)(lambda params: messages.append(params.message))
    await client.start_io(*SERVE)
    await client.initialize_async(initialize())
    client.initialized(lsp.InitializedParams())
    for _ in range(2):
        assert await ghost(client, "x = ") == []
    assert len(messages) == 1
    await client.shutdown_async(None)
    client.exit(None)
    await client.stop()


@pytest.mark.parametrize(
    ("messages", "status"),
    [
        (["initialize", "shutdown", "exit"], 0),
        (["initialize", "exit"], 1),
        (["exit"], 1),
        ([], 1),  # the editor has died
    ],
)
def test_exit_status_is_the_one_that_lsp_asks_for(messages: list[str], status: int) -> None:
    framed = b""
    for number, method in enumerate(messages):
        params = {"processId": None, "rootUri": None, "capabilities": {}} if method == "initialize" else None
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
        body = json.dumps(message if method == "exit" else {**message, "id": number}).encode()
        framed += b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    ended = subprocess.run(SERVE, input=framed, capture_output=True, timeout=60, check=False)
    assert ended.returncode == status
    assert ended.stderr == b""


def test_odd_headers_are_passed_over() -> None:
    body = b'{"jsonrpc": "2.0", "id": 1, "method": "shutdown"}'
    framed = b"garbage\r\n\r\nContent-Type: x\r\ncontent-length:%d\r\n\r\n%s" % (len(body), body)
    ended = subprocess.run(SERVE, input=framed, capture_output=True, timeout=60, check=False)
    assert b'"code": -32002' in ended.stdout


def test_gigantic_message_is_refused() -> None:
    ended = subprocess.run(
        SERVE, input=b"Content-Length: 99999999999\r\n\r\n", capture_output=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert b"99,999,999,999 bytes" in ended.stderr


@asynccontextmanager
async def listening(*options: str) -> AsyncIterator[dict[str, str]]:
    """A server on a socket that needs no engine: it offers no completions."""
    process = await asyncio.create_subprocess_exec(
        *SERVE,
        *options,
        "--json",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "SIDESIGHT_COMPLETION_ENABLED": "false"},
    )
    assert process.stdout is not None
    try:
        yield json.loads(await asyncio.wait_for(process.stdout.readline(), 60))
    finally:
        process.terminate()
        await process.communicate()


async def connected(url: str) -> LanguageClient:
    client = LanguageClient("test", "1")
    scheme, _, address = url.partition("://")
    host, _, port = address.rpartition(":")
    await (client.start_tcp if scheme == "tcp" else client.start_ws)(host, int(port))
    return client


def secret(server: dict[str, str]) -> str:
    path = Path(server["token_file"])
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
    return path.read_text("utf-8")


async def hung_up(client: LanguageClient) -> None:
    writer: Any = client.protocol.writer
    closing = writer.close()
    if closing is not None:
        await closing
    await client.stop()


@pytest.mark.parametrize("option", ["--tcp", "--ws"])
async def test_clients_on_a_socket_are_served_side_by_side(option: str) -> None:
    async with listening(option, "127.0.0.1:0") as server:
        token = secret(server)
        first, second = await connected(server["url"]), await connected(server["url"])
        await first.initialize_async(initialize(token))
        await second.initialize_async(initialize(token))
        await first.shutdown_async(None)
        assert await ghost(second, "x = ") == []
        await second.shutdown_async(None)
        await hung_up(first)
        await hung_up(second)


@pytest.mark.parametrize("option", ["--tcp", "--ws"])
async def test_stranger_on_a_socket_is_turned_away(option: str) -> None:
    async with listening(option, "127.0.0.1:0") as server:
        client = await connected(server["url"])
        with pytest.raises(Exception, match="token is missing or wrong"):
            await client.initialize_async(initialize("guess"))
        await hung_up(client)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--tcp", "0.0.0.0:4389"], "0.0.0.0 is refused"),
        (["--ws", "example.org:4389"], "example.org is refused"),
        (["--tcp", "4389"], "not HOST:PORT"),
        (["--tcp", "127.0.0.1:70000"], "not HOST:PORT"),
        (["--tcp", "127.0.0.1:0", "--ws", "127.0.0.1:0"], "one of --tcp and --ws"),
    ],
)
def test_address_that_cannot_be_listened_on_is_one_line(options: list[str], complaint: str) -> None:
    ended = subprocess.run([*SERVE, *options], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert complaint in ended.stderr


@pytest.mark.parametrize("option", ["--tcp", "--ws"])
async def test_port_in_use_is_one_line(option: str) -> None:
    async with listening("--tcp", "127.0.0.1:0") as server:
        port = server["url"].rpartition(":")[2]
        ended = await asyncio.to_thread(
            subprocess.run, [*SERVE, option, f"127.0.0.1:{port}"], capture_output=True, text=True, timeout=60
        )
    assert ended.returncode == 2
    assert ended.stderr == f"sidesight: port {port} on 127.0.0.1 is in use; choose another, or 0 for any that is free\n"
