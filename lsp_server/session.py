"""Hold the assistant that the current settings ask for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from mmcore.config import Settings

if TYPE_CHECKING:
    from mmcore.assistant import Assistant

logger = logging.getLogger(__name__)

OpenAssistant = Callable[[Settings, Callable[[str], None]], "Assistant"]


class Session:
    """Opens the assistant at its first use, so that `initialize` waits for nothing.

    A change of settings retires it: the next request gets a new one, and the old one closes behind its last request.
    That is why a session is given the function that opens an assistant, and not an assistant.
    """

    def __init__(self, open_assistant: OpenAssistant, settings: Settings, on_status: Callable[[str], None]) -> None:
        self._open_assistant = open_assistant
        self._on_status = on_status
        self._settings = settings
        self._assistant: Assistant | None = None
        self._users: dict[Assistant, int] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def settings(self) -> Settings:
        return self._settings

    @property
    def opened(self) -> Assistant | None:
        """The assistant, where there is one yet: what was before, none need be told."""
        return self._assistant

    def use(self, settings: Settings) -> None:
        if settings != self._settings:
            self._settings = settings
            self._retire()

    @asynccontextmanager
    async def assistant(self) -> AsyncIterator[Assistant]:
        assistant = self._assistant or self._open_assistant(self._settings, self._on_status)
        self._assistant = assistant
        self._users[assistant] = self._users.get(assistant, 0) + 1
        try:
            yield assistant
        finally:
            self._users[assistant] -= 1
            self._close_unused(assistant)

    async def close(self) -> None:
        self._retire()
        await asyncio.gather(*self._closing)

    def _retire(self) -> None:
        retired, self._assistant = self._assistant, None
        if retired is not None:
            self._close_unused(retired)

    def _close_unused(self, assistant: Assistant) -> None:
        if assistant is not self._assistant and not self._users[assistant]:
            del self._users[assistant]
            closing = asyncio.create_task(_close(assistant))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)


async def _close(assistant: Assistant) -> None:
    try:
        await assistant.close()
    except Exception:
        logger.exception("the assistant did not close")
