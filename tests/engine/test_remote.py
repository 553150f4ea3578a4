"""A server as bad as real ones can be, byte by byte, and what is made of it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from mmcore.engine import remote, retry
from mmcore.engine.base import ChatRequest, CompletionRequest, Sampling
from mmcore.engine.remote import KeyRefused, RemoteEngine
from mmcore.errors import EngineProtocolError, EngineRejected, EngineUnavailable, SettingError
from mmcore.types import Chunk, Image, Message, Usage

REQUEST = CompletionRequest("m", "def f(")


@dataclass
class Replies:
    """Answers the nth connection with the nth reply, and the last one again after that."""

    replies: list[bytes] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    hold_open: bool = False
    closed_by_client: asyncio.Event = field(default_factory=asyncio.Event)
    connections: list[asyncio.Task[None] | None] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next(
                (int(line[15:]) for line in head.lower().splitlines() if line.startswith("content-length")), 0
            )
            body = await reader.readexactly(length)
            self.heads.append(head)
            self.bodies.append(json.loads(body) if body else None)
            writer.write(self.replies[min(len(self.heads), len(self.replies)) - 1])
            await writer.drain()
            if self.hold_open:
                await reader.read()
                self.closed_by_client.set()
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Replies]:
    replies = Replies()
    listening = await asyncio.start_server(replies.serve, "127.0.0.1", 0)
    replies.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
    async with listening:
        yield replies


@pytest.fixture
async def engine(server: Replies, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RemoteEngine]:
    monkeypatch.setattr(retry, "BACKOFF_S", 0.001)
    engine = RemoteEngine(server.url, "the-key")
    yield engine
    await engine.close()


def reply(status: str, body: bytes, content_type: str = "application/json", extra: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def events(*data: object, done: bool = True) -> bytes:
    lines = [f"data: {json.dumps(item)}\n\n" for item in data] + ["data: [DONE]\n\n"] * done
    return reply("200 OK", "".join(lines).encode(), "text/event-stream")


def piece(text: str, finish_reason: str | None = None, **more: object) -> dict[str, object]:
    return {"choices": [{"index": 0, "text": text, "finish_reason": finish_reason}], **more}


async def collect(engine: RemoteEngine) -> list[Chunk]:
    return [chunk async for chunk in engine.complete(REQUEST)]


GOOD = events(piece("a"), piece("b", "stop"), {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})


async def test_the_usage_may_come_after_the_reason(server: Replies, engine: RemoteEngine) -> None:
    server.replies = [GOOD]
    assert await collect(engine) == [Chunk("a"), Chunk("b"), Chunk("", "stop", Usage(3, 0, 2))]


async def test_usage_log_probabilities_and_cached_tokens_are_read_in_every_dialect(
    server: Replies, engine: RemoteEngine
) -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 8}}
    of_openai = {"choices": [{"text": "a", "logprobs": {"token_logprobs": [-0.5]}, "finish_reason": None}]}
    of_llama = {"choices": [{"text": "b", "logprobs": {"content": [{"logprob": -0.25}]}, "finish_reason": "length"}]}
    server.replies = [events(of_openai, of_llama | {"usage": usage})]
    assert await collect(engine) == [
        Chunk("a", logprobs=(-0.5,)),
        Chunk("b", None, Usage(9, 8, 2), (-0.25,)),
        Chunk("", "length", Usage(9, 8, 2)),
    ]


async def test_a_request_says_all_that_was_asked(server: Replies, engine: RemoteEngine) -> None:
    server.replies = [GOOD]
    request = CompletionRequest("m", "p", Sampling(7, 0.5, 0.9, 42, ("\n\n",)), logprobs=True)
    async for _ in engine.complete(request):
        pass
    assert server.bodies[0] == {
        "model": "m",
        "prompt": "p",
        "max_tokens": 7,
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 42,
        "stop": ["\n\n"],
        "logprobs": 1,
        "stream": True,
        "stream_options": {"include_usage": True, "continuous_usage_stats": True},
    }
    assert "Authorization: Bearer the-key" in server.heads[0]


async def test_a_server_that_refuses_an_extension_is_asked_without_it(server: Replies, engine: RemoteEngine) -> None:
    unknown = b'{"error": {"message": "Unknown parameter: stream_options.continuous_usage_stats"}}'
    server.replies = [reply("400 Bad Request", unknown), GOOD]
    for _ in range(2):
        assert (await collect(engine))[-1].finish_reason == "stop"
    options = [body["stream_options"] for body in server.bodies]
    plain = {"include_usage": True}
    assert options == [{**plain, "continuous_usage_stats": True}, plain, plain]


@pytest.mark.parametrize("own_host", [False, True])
async def test_only_our_own_host_is_sent_what_the_api_does_not_have(server: Replies, own_host: bool) -> None:
    server.replies = [GOOD]
    engine = RemoteEngine(server.url, own_host=own_host)
    async for _ in engine.complete(CompletionRequest("m", "p", heal=True, workspace="w")):
        pass
    async for _ in engine.chat(ChatRequest("m", (Message("user", "?"),), workspace="w")):
        pass
    assert server.bodies[0].get("heal", False) is own_host
    assert ["prompt_cache_key" in body for body in server.bodies] == [own_host, own_host]
    await engine.close()


async def test_pictures_travel_as_data_parts_before_the_text(server: Replies, engine: RemoteEngine) -> None:
    server.replies = [events({"choices": [{"delta": {"content": "yes"}, "finish_reason": "stop"}]})]
    picture = Image(b"\x89PNG", "image/png", 1, 1, "")
    message = Message("user", "What is this?", (picture,))
    chunks = [chunk async for chunk in engine.chat(ChatRequest("m", (Message("system", "Hi."), message)))]
    assert "".join(chunk.text for chunk in chunks) == "yes"
    plain, seen = server.bodies[0]["messages"]
    assert plain == {"role": "system", "content": "Hi."}
    assert [part["type"] for part in seen["content"]] == ["image_url", "text"]
    assert seen["content"][0]["image_url"]["url"] == "data:image/png;base64,iVBORw=="


async def test_half_a_surrogate_pair_in_an_editors_text_does_not_stop_it(server: Replies, engine: RemoteEngine) -> None:
    server.replies = [GOOD]
    async for _ in engine.complete(CompletionRequest("m", "x = '\ud83d'")):
        pass
    assert server.bodies[0]["prompt"] == "x = '?'"


@pytest.mark.parametrize("status", ["429 Too Many Requests", "500 Oops", "503 Busy"])
async def test_a_server_that_is_busy_is_asked_again(server: Replies, engine: RemoteEngine, status: str) -> None:
    server.replies = [reply(status, b"{}"), reply(status, b"{}", extra="Retry-After: 0\r\n"), GOOD]
    assert (await collect(engine))[-1].finish_reason == "stop"
    assert len(server.heads) == 3


async def test_a_server_that_stays_busy_is_given_up_with_what_it_said(server: Replies, engine: RemoteEngine) -> None:
    server.replies = [reply("503 Busy", b'{"error": {"message": "loading\\nthe model"}}')]
    with pytest.raises(EngineUnavailable, match="loading the model"):
        await collect(engine)
    assert len(server.heads) == 1 + retry.RETRIES


async def test_nothing_is_asked_again_after_the_first_token(server: Replies, engine: RemoteEngine) -> None:
    cut = GOOD[:-40]
    server.replies = [cut, GOOD]
    chunks = engine.complete(REQUEST)
    assert [(await anext(chunks)).text, (await anext(chunks)).text] == ["a", "b"]
    with pytest.raises(EngineUnavailable, match="closed"):
        await anext(chunks)
    assert len(server.heads) == 1


async def test_a_refusal_is_not_asked_again_and_keeps_its_words(server: Replies, engine: RemoteEngine) -> None:
    server.replies = [reply("404 Not Found", b'{"error": {"message": "run `sidesight models pull m`"}}')]
    with pytest.raises(EngineRejected) as refused:
        await collect(engine)
    assert str(refused.value) == "run `sidesight models pull m`"
    assert len(server.heads) == 1


async def test_a_wrong_key_names_the_setting(server: Replies, engine: RemoteEngine) -> None:
    server.replies = [reply("401 Unauthorized", b'{"detail": "no"}')]
    with pytest.raises(KeyRefused, match=r"engine\.api_key_env"):
        await collect(engine)


async def test_a_path_that_is_not_there_hints_at_the_url(server: Replies, engine: RemoteEngine) -> None:
    server.replies = [reply("404 Not Found", b"<html>", "text/html")]
    with pytest.raises(EngineRejected, match="end in /v1"):
        await collect(engine)


@pytest.mark.parametrize(
    "garbage",
    [
        b"220 mail.example.org ESMTP\r\n\r\n",
        reply("200 OK", b"<html>Welcome</html>", "text/html"),
        reply("200 OK", b"data: {not json\n\n", "text/event-stream"),
        events({"choices": 7}),
        events({"choices": [{"text": ["a"]}]}),
        events({"choices": [{"text": "a", "logprobs": {"token_logprobs": ["high"]}}]}),
        events({"choices": [], "usage": {"prompt_tokens": "many"}}),
        events(["a", "list"]),
        reply("302 Found", b"", extra="Location: http://example.org/\r\n"),
    ],
)
async def test_what_is_not_the_api_is_called_so_in_one_line(
    server: Replies, engine: RemoteEngine, garbage: bytes
) -> None:
    server.replies = [garbage]
    with pytest.raises(EngineProtocolError) as wrong:
        await collect(engine)
    assert "\n" not in str(wrong.value)


async def test_an_error_in_mid_stream_is_raised(server: Replies, engine: RemoteEngine) -> None:
    server.replies = [events(piece("a"), {"error": {"message": "out of memory"}})]
    with pytest.raises(EngineRejected, match="out of memory"):
        await collect(engine)


async def test_an_answer_without_an_end_is_not_taken_for_whole(server: Replies, engine: RemoteEngine) -> None:
    server.replies = [events(piece("a"), done=False)]
    with pytest.raises(EngineUnavailable, match="in the middle"):
        await collect(engine)


async def test_a_server_that_is_not_there_is_named(unused_tcp_port: int) -> None:
    engine = RemoteEngine(f"http://127.0.0.1:{unused_tcp_port}/v1", retries=0)
    with pytest.raises(EngineUnavailable, match=str(unused_tcp_port)):
        await collect(engine)
    await engine.close()


async def test_a_server_that_stays_away_is_not_waited_for_again_and_found_when_it_is_back(
    unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(retry, "BACKOFF_S", 0.001)
    caplog.set_level(logging.DEBUG, "httpcore2.connection")
    engine = RemoteEngine(f"http://127.0.0.1:{unused_tcp_port}/v1")
    connections = []
    for _ in range(3):
        caplog.clear()
        with pytest.raises(EngineUnavailable, match="is the model server running"):
            await collect(engine)
        connections.append(sum("connect_tcp.started" in line for line in caplog.messages))
    assert connections == [1 + retry.RETRIES, 1, 1]
    back = Replies([events(piece("a", "stop"))])
    async with await asyncio.start_server(back.serve, "127.0.0.1", unused_tcp_port):
        assert (await collect(engine))[0].text == "a"
    await engine.close()


async def test_a_server_that_says_nothing_is_given_up(server: Replies) -> None:
    server.replies, server.hold_open = [b""], True
    engine = RemoteEngine(server.url, read_timeout_s=0.05)
    with pytest.raises(EngineUnavailable, match="in time"):
        await collect(engine)
    await engine.close()


async def test_closing_the_stream_closes_the_connection(server: Replies, engine: RemoteEngine) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    data = f"data: {json.dumps(piece('a'))}\n\n".encode()
    server.replies, server.hold_open = [head + b"%x\r\n%s\r\n" % (len(data), data)], True
    async with aclosing(engine.complete(REQUEST)) as chunks:
        assert (await anext(chunks)).text == "a"
    await asyncio.wait_for(server.closed_by_client.wait(), 30)


async def test_requests_cancelled_at_any_moment_leave_no_connection_behind(server: Replies) -> None:
    server.replies = [GOOD]
    engine = RemoteEngine(server.url)
    for turns in range(100):
        request = asyncio.create_task(collect(engine))
        for _ in range(turns):
            await asyncio.sleep(0)
        request.cancel()
        await asyncio.wait([request])
    async with asyncio.timeout(30):
        await asyncio.gather(*filter(None, server.connections))
    await engine.close()


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_a_proxy_of_the_environment_does_not_see_loopback(
    server: Replies, engine: RemoteEngine, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    server.replies = [GOOD]
    assert (await collect(engine))[-1].finish_reason == "stop"


async def test_a_proxy_of_the_environment_is_used_for_other_machines(
    server: Replies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url.removesuffix("/v1"))
    monkeypatch.setenv("NO_PROXY", "")
    server.replies = [GOOD]
    engine = RemoteEngine("http://models.example.org/v1")
    assert (await collect(engine))[-1].finish_reason == "stop"
    assert server.heads[0].startswith("POST http://models.example.org/v1/completions ")
    await engine.close()


@pytest.mark.parametrize("url", ["127.0.0.1:8000/v1", "ftp://127.0.0.1/v1", "http://", "http://[::1", "nonsense"])
async def test_what_is_no_address_is_called_so(url: str) -> None:
    with pytest.raises(SettingError, match=r"engine\.url"):
        await collect(RemoteEngine(url))


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("10.0.0.1", False), ("a.b", False)],
)
def test_loopback_is_told_by_address_and_by_name(host: str, loopback: bool) -> None:
    assert remote.is_loopback(host) is loopback


async def test_models_are_listed_by_their_ids(server: Replies, engine: RemoteEngine) -> None:
    server.replies = [reply("200 OK", b'{"data": [{"id": "a"}, {"id": "b"}]}')]
    assert await engine.models() == ("a", "b")


@pytest.mark.parametrize("body", [b"[]", b'{"data": [{}]}', b"null", b"<html>"])
async def test_a_list_of_models_that_is_none_is_called_so(server: Replies, engine: RemoteEngine, body: bytes) -> None:
    server.replies = [reply("200 OK", body)]
    with pytest.raises(EngineProtocolError):
        await engine.models()


async def test_nothing_is_sent_before_it_is_first_used() -> None:
    connected: list[object] = []
    note: Callable[..., None] = lambda *streams: connected.append(streams)  # noqa: E731
    async with await asyncio.start_server(note, "127.0.0.1", 0) as listening:
        engine = RemoteEngine(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1")
        await engine.close()
    assert not connected
