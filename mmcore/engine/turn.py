"""Leave to compute, which a scheduler takes from a request and gives back between two tokens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Paused(Exception):
    """The turn was taken while something was awaited in `Turn.slice`."""


class Turn:
    """Held by one request. Starts free; whoever schedules calls `pause` and `resume`, the engine the rest.

    An engine awaits `wait` before each step that costs compute. One that cannot step by itself, because another
    process or thread does, awaits that one's next token inside `slice`, stops it when `Paused` is raised, and starts it
    again from what it has after `wait`.
    """

    def __init__(self) -> None:
        self._free = asyncio.Event()
        self._free.set()
        self._slice: asyncio.Timeout | None = None

    @property
    def paused(self) -> bool:
        return not self._free.is_set()

    def pause(self) -> None:
        self._free.clear()
        if self._slice is not None:
            self._slice.reschedule(asyncio.get_running_loop().time())

    def resume(self) -> None:
        self._free.set()

    async def wait(self) -> None:
        await self._free.wait()

    @asynccontextmanager
    async def slice(self) -> AsyncIterator[None]:
        """Never `yield` from an async generator inside it: the interruption would strike whoever reads from it."""
        if self.paused:
            raise Paused
        try:
            # A time-out that is due when `pause` says so: cancellation of the body alone, told from the caller's own.
            async with asyncio.timeout(None) as self._slice:
                yield
        except TimeoutError:
            raise Paused from None
        finally:
            self._slice = None
