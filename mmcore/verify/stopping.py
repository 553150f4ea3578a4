"""Work in a thread that ends when the task which waits for it is cancelled, and all that it runs with it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_stop: ContextVar[threading.Event | None] = ContextVar("stop", default=None)


class Stopped(Exception):
    """Raised in the thread, for nobody waits for its result any more."""


def stopped() -> bool:
    """Whether the task that waits for this thread was cancelled."""
    event = _stop.get()
    return event is not None and event.is_set()


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """As `asyncio.to_thread`; cancelled, it returns when the thread has ended, so that nothing is left running.

    What the thread uses, a scratch copy, may then be taken away.
    """
    event, context = threading.Event(), copy_context()
    context.run(_stop.set, event)
    call = partial(context.run, partial(work, *args, **kwargs))
    running = asyncio.get_running_loop().run_in_executor(None, call)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        event.set()
        await asyncio.wait([running])
        running.exception()  # looked at, so that nobody misses it; the cancellation is what there is to tell
        raise
