"""The engine that the settings name: a server of the user's, or the host of this machine, found or started."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from urllib.parse import urlsplit

from mmcore.config import Settings
from mmcore.engine import start
from mmcore.engine.address import Address
from mmcore.engine.base import ChatRequest, CompletionRequest, Engine
from mmcore.engine.remote import KeyRefused, RemoteEngine, is_loopback
from mmcore.errors import EngineError, EngineProtocolError, EngineUnavailable
from mmcore.types import Chunk

OnStatus = Callable[[str], None]

# A cached completion has its first token by then; asking for the reason earlier would cost more than it tells.
STATUS_AFTER_S = 0.5


def connect(settings: Settings, on_status: OnStatus | None = None) -> Engine:
    """An engine that does no I/O until it is first used.

    `on_status` gets a line for people when something must be waited for: "starting the model host", "loading NAME". It
    is called in the event loop's thread.
    """
    engine = settings.engine
    if engine.url:
        key = os.environ.get(engine.api_key_env) if engine.api_key_env else None
        return RemoteEngine(engine.url, key, engine.connect_timeout_s, engine.read_timeout_s)
    return HostEngine(settings, on_status or _ignore)


def leaves_machine(settings: Settings) -> bool:
    """Whether what is asked goes to another machine."""
    url = urlsplit(settings.engine.url)
    return bool(url.hostname) and not is_loopback(url.hostname or "")


class HostEngine:
    """The host of this machine; started when there is none, and found again when it went away between two requests.

    A request that fails before its first token because the host is gone is made once more, to the next one.
    """

    def __init__(self, settings: Settings, on_status: OnStatus) -> None:
        self._settings = settings
        self._on_status = on_status
        self._attached: tuple[Address, RemoteEngine] | None = None
        self._attaching: asyncio.Task[tuple[Address, RemoteEngine]] | None = None
        # A host of another version is replaced by the first to come, not by each in turn.
        self._may_replace = True
        # An editor's window has one of us, so that its name is as good as its workspace's and tells nobody its path.
        self._workspace = secrets.token_hex(8)

    def complete(self, request: CompletionRequest) -> AsyncGenerator[Chunk, None]:
        named = replace(request, workspace=self._workspace)
        return self._generate(request.model, lambda engine: engine.complete(named))

    def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        named = replace(request, workspace=self._workspace)
        return self._generate(request.model, lambda engine: engine.chat(named))

    async def models(self) -> tuple[str, ...]:
        _, engine = await self._attach()
        try:
            return await engine.models()
        except EngineError as error:
            if not await self._lost(engine, error):
                raise
        _, engine = await self._attach()
        return await engine.models()

    async def close(self) -> None:
        """Forget the host, which serves others and ends itself when nobody needs it."""
        if self._attaching is not None:
            self._attaching.cancel()
        attached, self._attached = self._attached, None
        if attached is not None:
            await attached[1].close()

    async def _generate(
        self, model: str, ask: Callable[[RemoteEngine], AsyncGenerator[Chunk, None]]
    ) -> AsyncGenerator[Chunk, None]:
        for again in (False, True):
            address, engine = await self._attach()
            begun = False
            try:
                async with aclosing(ask(engine)) as chunks:
                    async with self._telling(address, engine, model):
                        chunk = await anext(chunks)
                    begun = True
                    yield chunk
                    async for chunk in chunks:
                        yield chunk
                return
            except EngineError as error:
                if begun or again or not await self._lost(engine, error):
                    raise

    async def _attach(self) -> tuple[Address, RemoteEngine]:
        """Whoever gives up waiting does not stop the start, which others may wait for."""
        if self._attached is None:
            if self._attaching is None:
                self._attaching = asyncio.create_task(self._find())
            try:
                self._attached = await asyncio.shield(self._attaching)
            finally:
                if self._attaching is not None and self._attaching.done():
                    self._attaching = None
        return self._attached

    async def _find(self) -> tuple[Address, RemoteEngine]:
        loop = asyncio.get_running_loop()

        def tell(line: str) -> None:
            loop.call_soon_threadsafe(self._on_status, line)

        address, token = await asyncio.to_thread(start.find_or_start, self._settings, tell, self._may_replace)
        self._may_replace = False
        engine = self._settings.engine
        # Not tried again by the transport: what helps here is to look for the host again.
        remote = RemoteEngine(
            address.url, token, engine.connect_timeout_s, engine.read_timeout_s, retries=0, own_host=True
        )
        return address, remote

    async def _lost(self, engine: RemoteEngine, error: EngineError) -> bool:
        """Whether the host that gave this error is gone; if so, it is forgotten."""
        if not isinstance(error, (EngineUnavailable, KeyRefused, EngineProtocolError)):
            return False
        attached = self._attached
        if attached is not None and attached[1] is engine:
            if not isinstance(error, KeyRefused) and await self._well(*attached):
                return False
            self._attached = None
            await engine.close()
        return True

    async def _well(self, address: Address, engine: RemoteEngine) -> bool:
        try:
            await engine.get(address.health)
        except EngineError:
            return False
        return True

    @asynccontextmanager
    async def _telling(self, address: Address, engine: RemoteEngine, model: str) -> AsyncIterator[None]:
        """Tell what the host is doing while its first token is awaited."""
        task = asyncio.create_task(self._tell(address, engine, model))
        try:
            yield
        finally:
            task.cancel()

    async def _tell(self, address: Address, engine: RemoteEngine, model: str) -> None:
        told = ""
        while True:
            await asyncio.sleep(STATUS_AFTER_S)
            try:
                state = (await engine.get(address.health))["models"][model]
                line = _loading_line(model, float(state["loaded"])) if state["state"] == "loading" else ""
            except (EngineError, LookupError, TypeError, ValueError):
                # The request itself will say what is wrong.
                return
            if not line:
                return
            if line != told:
                told = line
                self._on_status(line)


def _loading_line(model: str, share: float) -> str:
    return f"loading {model}: {share:.0%}" if share else f"loading {model}"


def _ignore(line: str) -> None:
    """For those who show no status."""
