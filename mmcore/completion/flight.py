"""One generation under way, which several requests may wait for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal

from mmcore.completion.cache import LOOK_BACK
from mmcore.completion.place import Place, mark, may_become, typed_since
from mmcore.completion.shape import Shape
from mmcore.context.surroundings import Surroundings
from mmcore.engine.base import CompletionRequest, Engine
from mmcore.errors import EngineError
from mmcore.types import Snippet, Usage

logger = logging.getLogger(__name__)

# How long a generation that nobody waits for any more goes on: an editor cancels a request when a key is pressed and
# sends the next one with it, which may join. Longer would keep the engine busy for someone who went away.
GRACE_S = 0.25

Outcome = Literal["ended", "partly", "useless"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to generate, and for which place.

    `shape` None: ahead of the programmer. `ends` says how much of a text is wanted: generation stops when that is
    less than there is. None: nothing of it, the engine is to read the prompt. `snippets` are in the prompt.
    """

    request: CompletionRequest
    place: Place
    shape: Shape | None
    ends: Callable[[str], int] | None
    surroundings: Surroundings
    snippets: tuple[Snippet, ...] = ()


@dataclass(frozen=True, slots=True)
class Time:
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]


class Flight:
    """Generates in a task of its own, so that a request that is cancelled does not take it along.

    `settle` gets the flight after its last token, before anyone who waits; `over` in any case, at the very end.
    `ahead`: nobody has asked yet; it lives until a request needs the engine.
    """

    def __init__(
        self,
        plan: Plan,
        engine: Engine,
        time: Time,
        settle: Callable[[Flight], Awaitable[None]],
        over: Callable[[Flight], None],
        *,
        ahead: bool = False,
    ) -> None:
        self.plan = plan
        self.ahead = ahead
        self.text = ""
        self.logprobs: list[float] = []
        self.usage = Usage()
        self.first_text_s: float | None = None
        self._mark = mark(plan.place)
        self._engine = engine
        self._time = time
        self._started = time.clock()
        self._settle = settle
        self._over = over
        self._waiters = 0
        self._news = asyncio.Event()
        self._expiry: asyncio.Task[None] | None = None
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self._end)

    @property
    def age_s(self) -> float:
        return self._time.clock() - self._started

    def fits(self, place: Place) -> bool:
        """Whether what it writes may be what belongs at `place`."""
        typed = typed_since(self._mark, place, LOOK_BACK)
        if typed is None or self.plan.ends is None or self._task.done():
            return False
        return not (self.plan.shape == "line" and "\n" in typed) and may_become(self.text, typed, self._mark.line)

    async def wait(self, place: Place, patience_s: float) -> Outcome:
        """Until it has ended, has whole lines to show after `patience_s`, or is seen not to fit.

        Raises what the engine raised.
        """
        self._waiters += 1
        self.ahead = False
        try:
            while self.fits(place):
                if self._lines_beyond(place) and self._writing_s() >= patience_s:
                    self.ahead = True  # the rest is for the next key
                    return "partly"
                await self._news.wait()
        finally:
            self._waiters -= 1
            if not self._waiters and not self.ahead and not self._task.done():
                self._expiry = asyncio.create_task(self._expire())
        if not self._task.done() or self._task.cancelled():
            return "useless"
        self._task.result()
        return "ended"

    def reads_for(self, plan: Plan) -> bool:
        """Whether it only reads a prompt that `plan` needs too: to wait for it costs nothing, to end it does."""
        return self.plan.ends is None and plan.request.prompt.startswith(self.plan.request.prompt)

    def cancel(self) -> None:
        self._task.cancel()

    async def finished(self) -> None:
        """Return when the stream is closed."""
        await asyncio.wait([self._task])

    def _writing_s(self) -> float:
        return self.age_s - (self.first_text_s or 0.0)

    def _lines_beyond(self, place: Place) -> bool:
        typed = len(place.before) - self._mark.before[0]
        return self.plan.shape == "block" and bool(self.text[typed : self.text.rfind("\n") + 1].strip())

    async def _run(self) -> None:
        async with aclosing(self._engine.complete(self.plan.request)) as stream:
            async for chunk in stream:
                self.usage = chunk.usage or self.usage
                self.logprobs += chunk.logprobs
                if chunk.text and self.first_text_s is None:
                    self.first_text_s = self._time.clock() - self._started
                self.text += chunk.text
                if self.plan.ends is not None and (end := self.plan.ends(self.text)) < len(self.text):
                    self.text = self.text[:end]
                    break
                self._announce()
        await self._settle(self)

    async def _expire(self) -> None:
        await self._time.sleep(GRACE_S)
        if not self._waiters and not self.ahead:
            self._task.cancel()

    def _announce(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _end(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, EngineError):
            logger.info("generation ended: %s", error)  # those who wait get it too
        elif error is not None:
            logger.error("generation failed", exc_info=error)
        if self._expiry is not None:
            self._expiry.cancel()
        self._over(self)
        self._announce()
