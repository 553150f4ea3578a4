"""Tokens from any OpenAI-compatible server: our own host, vLLM, llama.cpp, SGLang, Ollama."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import ssl
import time
import urllib.request
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager, suppress
from typing import Any

import httpx2
import truststore

from mmcore.engine import retry, wire
from mmcore.engine.base import ChatRequest, CompletionRequest
from mmcore.errors import EngineProtocolError, EngineRejected, EngineUnavailable, SettingError
from mmcore.types import Chunk, Usage

# A server that could not be reached is asked only once a request for so long: whoever types must not wait for a dead
# one at every key, and one that is back is found at once all the same.
DOWN_S = 15.0
# The end of a stream comes with its last event, or from a server that keeps it open for no use.
END_TIMEOUT_S = 0.1


class KeyRefused(EngineRejected):
    """Told apart because our own host has a new key each time that it starts."""


class ServerAway(EngineUnavailable):
    """No connection could be made."""


class RemoteEngine:
    """An `Engine` at `base_url`, which ends in `/v1`. Connects when it is first used.

    Refused connections, 429 and 5xx are tried again with growing pauses (or as long as `Retry-After` says) as long as
    the answer has not begun; from its first token on nothing is. A server that stays away is not waited for again.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 300.0,
        retries: int = retry.RETRIES,
        own_host: bool = False,
    ) -> None:
        """`own_host`: the server is ours and knows fields that the API does not have, which others may refuse."""
        self.base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._timeout = httpx2.Timeout(read_timeout_s, connect=connect_timeout_s)
        self._retries = retries
        self._own_host = own_host
        self._usage_with_each_event = True
        self._down_until = 0.0
        self._client: httpx2.AsyncClient | None = None

    def complete(self, request: CompletionRequest) -> AsyncGenerator[Chunk, None]:
        return self._generate("/completions", wire.completion_body(request) | self._own_fields(request))

    def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        return self._generate("/chat/completions", wire.chat_body(request) | self._own_fields(request))

    def _own_fields(self, request: CompletionRequest | ChatRequest) -> dict[str, Any]:
        return wire.own_fields(request) if self._own_host else {}

    async def models(self) -> tuple[str, ...]:
        data = await self.get("/models")
        try:
            return tuple(str(entry["id"]) for entry in data["data"])
        except (KeyError, TypeError):
            raise EngineProtocolError(f"{self.base_url} does not list its models as the API does") from None

    async def get(self, path: str) -> Any:
        """The JSON at a path below `base_url`."""
        with self._reaching() as retries:
            async with retry.stream(self._open(), "GET", path, retries) as response:
                content = await response.aread()
        _refuse_errors(response.status_code, content, self.base_url)
        try:
            return response.json()
        except ValueError:
            raise EngineProtocolError(f"{self.base_url}{path} does not answer JSON; is it a model server?") from None

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _generate(self, path: str, body: dict[str, Any]) -> AsyncGenerator[Chunk, None]:
        if self._usage_with_each_event:
            try:
                async with aclosing(self._stream(path, wire.with_usage_with_each_event(body))) as chunks:
                    async for chunk in chunks:
                        yield chunk
                return
            except EngineRejected as error:
                # An extension that vLLM, SGLang and our host know, most others overlook and a few refuse.
                if wire.USAGE_WITH_EACH_EVENT not in str(error):
                    raise
                self._usage_with_each_event = False
        async with aclosing(self._stream(path, body)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _stream(self, path: str, body: dict[str, Any]) -> AsyncGenerator[Chunk, None]:
        finish_reason: wire.FinishReason | None = None
        usage: Usage | None = None
        # An editor's text may hold half of a surrogate pair, which JSON in UTF-8 cannot carry.
        content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        with self._reaching() as retries:
            async with retry.stream(self._open(), "POST", path, retries, content=content, headers=headers) as response:
                if response.is_error:
                    _refuse_errors(response.status_code, await response.aread(), self.base_url)
                events = aiter(httpx2.EventSource(response))
                async for sent in events:
                    if sent.data == "[DONE]":
                        await _read_to_the_end(events)
                        break
                    event = self._read(sent.data)
                    finish_reason = event.finish_reason or finish_reason
                    usage = event.usage or usage
                    if event.text or event.logprobs:
                        yield Chunk(event.text, usage=event.usage, logprobs=event.logprobs)
        if finish_reason is None:
            raise EngineUnavailable(f"{self.base_url} ended its answer in the middle; ask again")
        yield Chunk("", finish_reason, usage or Usage())

    def _read(self, data: str) -> wire.Event:
        try:
            content = json.loads(data)
        except ValueError:
            raise EngineProtocolError(f"{self.base_url} sent an event that is not JSON") from None
        if isinstance(content, dict) and content.get("error"):
            raise EngineRejected(wire.error_message(content) or f"{self.base_url} broke off its answer")
        return wire.read_event(content)

    @contextmanager
    def _reaching(self) -> Iterator[int]:
        """Gives how often to try again, and remembers whether there was anybody to ask."""
        down = time.monotonic() < self._down_until
        try:
            with _translated(self.base_url):
                yield 0 if down else self._retries
        except ServerAway:
            self._down_until = time.monotonic() + DOWN_S
            raise
        self._down_until = 0.0

    def _open(self) -> httpx2.AsyncClient:
        if self._client is None:
            self._client = httpx2.AsyncClient(
                base_url=self.base_url,
                headers=self._headers,
                timeout=self._timeout,
                transport=_transport(self.base_url),
            )
        return self._client


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _transport(base_url: str) -> httpx2.AsyncHTTPTransport:
    """TLS by the system's certificates, the system's proxy; neither for this machine.

    A proxy named in the environment must not see, or fail, what goes to a loopback address.
    """
    try:
        url = httpx2.URL(base_url)
    except httpx2.InvalidURL:
        url = httpx2.URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise SettingError(
            f"engine.url is {base_url!r}, which is not an http(s) address; e.g. http://127.0.0.1:8000/v1"
        )
    proxy = None
    if not is_loopback(url.host) and not urllib.request.proxy_bypass(url.host):
        proxies = urllib.request.getproxies()
        proxy = proxies.get(url.scheme, proxies.get("all"))
    verify = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if url.scheme == "https" else False
    return httpx2.AsyncHTTPTransport(verify=verify, proxy=proxy, trust_env=False)


async def _read_to_the_end(events: AsyncIterator[httpx2.ServerSentEvent]) -> None:
    """A connection is used again only if its last answer was read whole; a new one costs a millisecond."""
    with suppress(TimeoutError):
        async with asyncio.timeout(END_TIMEOUT_S):
            async for _ in events:
                pass


@contextmanager
def _translated(url: str) -> Iterator[None]:
    """Transport errors as ours."""
    try:
        yield
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
        reason = str(error) or "no answer in time"
        raise ServerAway(f"{url} cannot be reached ({reason}); is the model server running?") from None
    except httpx2.TimeoutException:
        raise EngineUnavailable(f"{url} does not answer in time; is it overloaded?") from None
    except (httpx2.SSEError, httpx2.DecodingError):
        raise EngineProtocolError(f"{url} does not stream as the API does; is it a model server?") from None
    except httpx2.RemoteProtocolError as error:
        # The one class stands for a connection that was cut and for bytes that are not HTTP.
        if "disconnected" in str(error) or "closed" in str(error):
            raise EngineUnavailable(f"{url} closed the connection; is it still running?") from None
        raise EngineProtocolError(f"{url} does not speak HTTP; is it a model server?") from None
    except httpx2.TransportError as error:
        raise EngineUnavailable(f"{url} cannot be reached ({error}); is the model server running?") from None


def _refuse_errors(status: int, content: bytes, url: str) -> None:
    """Raises what an HTTP status means."""
    if status < 300:
        return
    try:
        message = wire.error_message(json.loads(content))
    except ValueError:
        message = None
    if status == 401:
        raise KeyRefused(f"{url} refuses the key ({message or status}); name its variable in engine.api_key_env")
    if status == 429 or status >= 500:
        raise EngineUnavailable(f"{url} is not able to answer now: {message or f'status {status}'}")
    if status >= 400:
        raise EngineRejected(message or f"{url} answers with status {status}; does engine.url end in /v1?")
    raise EngineProtocolError(f"{url} answers with status {status}, which the API does not have")
