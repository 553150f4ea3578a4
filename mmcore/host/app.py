"""The host's HTTP: the OpenAI API's three endpoints, and `/health`, `/metrics` and `/shutdown` beside them."""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from mmcore.errors import EngineRejected, SidesightError
from mmcore.host import wire
from mmcore.host.answer import Answer, UsageIn, error_body, refusal
from mmcore.host.service import Service

# Room for several pictures of the largest size, in base64.
MOST_BYTES = 128 << 20
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})


def create_app(service: Service, token: str, leave: Callable[[], None]) -> Starlette:
    """`leave` is called when a client asks the host to end."""

    async def models(request: Request) -> Response:
        rows = [{"id": name, "object": "model", "created": 0, "owned_by": "sidesight"} for name in service.held.names]
        return JSONResponse({"object": "list", "data": rows})

    async def completions(request: Request) -> ASGIApp:
        body = await _body(request)
        wanted = wire.read_completion(body)
        return _answer(service.complete(wanted), wire.Writer(wanted.model, chat=False), body)

    async def chat_completions(request: Request) -> ASGIApp:
        body = await _body(request)
        wanted = wire.read_chat(body)
        return _answer(service.chat(wanted), wire.Writer(wanted.model, chat=True), body)

    async def health(request: Request) -> Response:
        states = {name: service.held.state(name) for name in service.held.names}
        return JSONResponse(
            {
                "status": "ok",
                "version": version("sidesight"),
                "pid": os.getpid(),
                "active": service.active,
                "models": {
                    name: {"state": state, "loaded": round(share, 3)} for name, (state, share) in states.items()
                },
            }
        )

    async def metrics(request: Request) -> Response:
        return Response(await service.count(), media_type=CONTENT_TYPE_LATEST)

    async def shutdown(request: Request) -> Response:
        leave()
        return JSONResponse({"status": "leaving"})

    return Starlette(
        routes=[
            Route("/v1/models", models),
            Route("/v1/completions", completions, methods=["POST"]),
            Route("/v1/chat/completions", chat_completions, methods=["POST"]),
            Route("/health", health),
            Route("/metrics", metrics),
            Route("/shutdown", shutdown, methods=["POST"]),
        ],
        middleware=[Middleware(Guard, token=token)],
        exception_handlers={SidesightError: _refused, HTTPException: _http_error, Exception: _failed},
    )


class Guard:
    """Lets in who has the token and came to a loopback name.

    The name, because a web page can have its own name resolve to 127.0.0.1 (DNS rebinding) and so pass for its server.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        name = host[: host.rfind(":")] if ":" in host.rpartition("]")[2] else host
        if name.lower() not in LOOPBACK_NAMES:
            response = JSONResponse(error_body("this host answers to loopback names only", "bad_host"), 403)
        elif not hmac.compare_digest(headers.get(b"authorization", b""), self._expected):
            body = error_body("the token of the file host.token is required, as Authorization: Bearer", "bad_token")
            response = JSONResponse(body, 401, {"WWW-Authenticate": "Bearer"})
        else:
            await self._app(scope, receive, send)
            return
        await response(scope, receive, send)


def _answer(chunks: Any, writer: wire.Writer, body: dict[str, Any]) -> Answer:
    options = body.get("stream_options")
    usage_in: UsageIn | None = None
    if isinstance(options, dict) and options.get("include_usage"):
        usage_in = "every event" if options.get("continuous_usage_stats") else "last event"
    return Answer(chunks, writer, bool(body.get("stream")), usage_in)


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object that was sent. Raises EngineRejected and HTTPException."""
    declared = request.headers.get("content-length", "")
    data = bytearray()
    if declared.isdecimal() and int(declared) > MOST_BYTES:
        raise _too_large()
    async for piece in request.stream():
        data += piece
        if len(data) > MOST_BYTES:
            raise _too_large()
    try:
        body = json.loads(bytes(data).decode())
        if b"\\u" in data:
            # Half of a surrogate pair, written as an escape, is valid JSON and no text.
            json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise EngineRejected("the request is not JSON in UTF-8") from None
    if not isinstance(body, dict):
        raise EngineRejected("the request must be a JSON object")
    return body


def _too_large() -> HTTPException:
    return HTTPException(413, f"the request is larger than {MOST_BYTES >> 20} MiB")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, SidesightError)
    return refusal(error)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse(error_body(str(error.detail), "http"), error.status_code)


async def _failed(request: Request, error: Exception) -> Response:
    """The trace goes to the log, where the server writes it."""
    return JSONResponse(error_body("the host failed; host.log says how", "failed", "server_error"), 500)
