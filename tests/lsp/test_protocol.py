from __future__ import annotations

import asyncio
from typing import Any

import pytest

INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, PARSE_ERROR = -32600, -32601, -32602, -32700
NOT_INITIALIZED = -32002


def no_assistant(*_: Any) -> Any:
    raise AssertionError("no assistant is needed here")


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({"context": {"triggerKind": 1}, "position": {"line": 0, "character": 0}}, "textDocument"),
        ({"textDocument": {"uri": "a"}, "position": {"line": -1, "character": 0}, "context": {"triggerKind": 1}}, ""),
        (None, ""),
        ([1, 2], ""),
    ],
)
async def test_request_with_parameters_that_do_not_fit_gets_one_line(
    connect: Any, refused: Any, params: Any, complaint: str
) -> None:
    editor = await connect(no_assistant)
    with pytest.raises(refused, match=f"^textDocument/inlineCompletion: .*{complaint}") as caught:
        await editor.request("textDocument/inlineCompletion", params)
    assert caught.value.code == INVALID_PARAMS
    assert "\n" not in str(caught.value)


async def test_request_of_an_unknown_method_is_refused_whatever_its_parameters(connect: Any, refused: Any) -> None:
    editor = await connect(no_assistant)
    with pytest.raises(refused) as caught:
        await editor.request("textDocument/hover", {"nonsense": True})
    assert caught.value.code == METHOD_NOT_FOUND


@pytest.mark.parametrize("id_", [None, 1.5, True, [1], {"a": 1}])
async def test_request_with_an_impossible_id_is_refused_and_the_next_is_answered(connect: Any, id_: Any) -> None:
    editor = await connect(no_assistant)
    editor.send({"jsonrpc": "2.0", "id": id_, "method": "shutdown"})
    await editor.until(lambda: editor.stray)
    assert [(reply["id"], reply["error"]["code"]) for reply in editor.stray] == [(None, INVALID_REQUEST)]
    assert await editor.request("shutdown") is None


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"{", PARSE_ERROR),
        (b"\xff\xfe", PARSE_ERROR),
        (b"[" * 100_000, PARSE_ERROR),
        (b"[]", INVALID_REQUEST),
        (b"7", INVALID_REQUEST),
        (b'{"jsonrpc": "1.0", "id": 4, "method": "shutdown"}', INVALID_REQUEST),
        (b'{"jsonrpc": "2.0", "id": 4}', INVALID_REQUEST),
        (b'{"jsonrpc": "2.0", "id": 4, "method": 3}', INVALID_REQUEST),
    ],
)
async def test_message_that_is_no_request_gets_an_error_and_the_next_is_answered(
    connect: Any, message: bytes, code: int
) -> None:
    editor = await connect(no_assistant)
    editor.send_bytes(message)
    await editor.until(lambda: editor.stray)
    assert [reply["error"]["code"] for reply in editor.stray] == [code]
    assert await editor.request("shutdown") is None


@pytest.mark.parametrize(
    "message",
    [
        {"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument": 3}},
        {"jsonrpc": "2.0", "method": "textDocument/didChange", "params": {}},
        {"jsonrpc": "2.0", "method": "no/such"},
        {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": {}}},
        {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": "never sent"}},
        {"jsonrpc": "2.0", "id": 1, "result": "to no request"},
        {"jsonrpc": "2.0", "id": {}, "error": 3},
        {"jsonrpc": "2.0", "params": {}},
    ],
)
async def test_message_that_wants_no_reply_gets_none(connect: Any, message: dict[str, Any]) -> None:
    editor = await connect(no_assistant)
    editor.send(message)
    assert await editor.request("shutdown") is None
    assert not editor.stray
    assert not editor.heard


async def test_object_inside_a_message_is_not_taken_for_a_message(connect: Any) -> None:
    editor = await connect(no_assistant)
    settings = {"jsonrpc": "2.0", "id": 1, "method": "exit"}
    editor.notify("workspace/didChangeConfiguration", {"settings": settings})
    assert await editor.request("shutdown") is None


async def test_request_before_initialize_is_refused(connect: Any, refused: Any) -> None:
    editor = await connect(no_assistant, initialize=False)
    with pytest.raises(refused) as caught:
        await editor.request("shutdown")
    assert caught.value.code == NOT_INITIALIZED


async def test_second_initialize_is_refused(connect: Any, refused: Any) -> None:
    editor = await connect(no_assistant)
    with pytest.raises(refused) as caught:
        await editor.request("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
    assert caught.value.code == INVALID_REQUEST


async def test_initialize_that_does_not_fit_can_be_sent_again(connect: Any, refused: Any) -> None:
    editor = await connect(no_assistant, initialize=False)
    with pytest.raises(refused):
        await editor.request("initialize", {"capabilities": 3})
    result = await editor.request("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
    assert result["serverInfo"]["name"] == "sidesight"


async def test_request_after_shutdown_is_refused(connect: Any, refused: Any) -> None:
    editor = await connect(no_assistant)
    await editor.request("shutdown")
    with pytest.raises(refused) as caught:
        await editor.request("shutdown")
    assert caught.value.code == INVALID_REQUEST


@pytest.mark.parametrize("polite", [True, False])
async def test_exit_status_is_zero_only_after_shutdown(connect: Any, polite: bool) -> None:
    editor = await connect(no_assistant)
    if polite:
        await editor.request("shutdown")
    editor.notify("exit")
    assert await asyncio.wait_for(editor.task, 20) == (0 if polite else 1)


async def test_unknown_command_is_refused(connect: Any, refused: Any) -> None:
    editor = await connect(no_assistant)
    with pytest.raises(refused, match=r"there is no command 'sidesight\.fly'") as caught:
        await editor.command(name="sidesight.fly")
    assert caught.value.code == INVALID_PARAMS


@pytest.mark.parametrize("options", [None, {"token": "wrong"}, {"token": 3}, "secret"])
async def test_stranger_without_the_token_is_turned_away(connect: Any, refused: Any, options: Any) -> None:
    editor = await connect(no_assistant, token="secret", initialize=False)
    params = {"processId": None, "rootUri": None, "capabilities": {}, "initializationOptions": options}
    with pytest.raises(refused, match="token is missing or wrong"):
        await editor.request("initialize", params)
    assert await asyncio.wait_for(editor.task, 20) == 1


async def test_client_with_the_token_is_served(connect: Any) -> None:
    editor = await connect(no_assistant, token="secret", options={"token": "secret"})
    assert await editor.request("shutdown") is None
