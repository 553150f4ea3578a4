"""Carry one generation to its client over HTTP, and stop it the moment that the client leaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Literal

from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

from mmcore.errors import EngineUnavailable, SidesightError, UnknownModel, WeightsError
from mmcore.host.wire import Writer, usage_field
from mmcore.types import Chunk

# `stream_options`: `include_usage` adds an event at the end, vLLM's `continuous_usage_stats` the counts so far to each.
UsageIn = Literal["last event", "every event"]


class Answer:
    """An ASGI response: server-sent events if `stream`, else one JSON object.

    The status line waits for the first chunk, so that what is refused is refused with a status and not within a 200.
    """

    def __init__(
        self, chunks: AsyncGenerator[Chunk, None], writer: Writer, stream: bool, usage_in: UsageIn | None = None
    ) -> None:
        self._chunks = chunks
        self._writer = writer
        self._stream = stream
        self._usage_in = usage_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        work = asyncio.create_task(self._work(scope, receive, send))
        gone = asyncio.create_task(_disconnected(receive))
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Cancelling the work closes the generator, and that stops the engine.
            for task in (work, gone):
                task.cancel()
            await asyncio.wait({work, gone})
        if not work.cancelled():
            work.result()

    async def _work(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._chunks) as chunks:
            try:
                first = await anext(chunks)
            except SidesightError as error:
                await refusal(error)(scope, receive, send)
                return
            if self._stream:
                await self._send_events(first, chunks, send)
                return
            try:
                everything = [first, *[chunk async for chunk in chunks]]
            except SidesightError as error:
                await refusal(error)(scope, receive, send)
                return
            await JSONResponse(self._writer.whole(everything))(scope, receive, send)

    async def _send_events(self, first: Chunk, chunks: AsyncGenerator[Chunk, None], send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        try:
            chunk: Chunk | None = first
            while chunk is not None:
                event = self._writer.event(chunk)
                if chunk.usage is not None and self._usage_in == "every event":
                    event |= usage_field(chunk.usage)
                await send(_event(event))
                if chunk.usage is not None and chunk.finish_reason and self._usage_in:
                    await send(_event(self._writer.usage_event(chunk.usage)))
                chunk = await anext(chunks, None)
        except SidesightError as error:
            # The status is sent; the API has an event for what happens after it.
            await send(_event(_describe(error)))
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


def refusal(error: SidesightError) -> JSONResponse:
    status = 400
    if isinstance(error, UnknownModel):
        status = 404
    elif isinstance(error, WeightsError):
        # The request is right; it is this machine that is not ready for it.
        status = 409
    elif isinstance(error, EngineUnavailable):
        status = 503
    return JSONResponse(_describe(error), status)


def error_body(message: str, code: str, kind: str = "invalid_request_error") -> dict[str, Any]:
    """An error as the API shapes it."""
    return {"error": {"message": message, "type": kind, "code": code, "param": None}}


def _describe(error: SidesightError) -> dict[str, Any]:
    kind = "server_error" if isinstance(error, EngineUnavailable) else "invalid_request_error"
    return error_body(str(error), type(error).__name__, kind)


def _event(data: dict[str, Any]) -> Message:
    body = f"data: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()
    return {"type": "http.response.body", "body": body, "more_body": True}


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
