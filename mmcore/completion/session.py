"""Answer a cursor: from what is known if it can be, from a request under way if it fits, from the engine if it must."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mmcore.completion.cache import SuggestionCache
from mmcore.completion.flight import Flight, Plan, Time
from mmcore.completion.pace import Pace
from mmcore.completion.place import Mark, Place, mark, place_at
from mmcore.completion.plan import Planner, shape_of
from mmcore.completion.trim import trim
from mmcore.completion.vet import vetted
from mmcore.config import CompletionSettings
from mmcore.context.surroundings import Surroundings
from mmcore.engine.base import Engine
from mmcore.prompt.budget import estimate_tokens
from mmcore.text import newline_of
from mmcore.types import Completion, Document, Position, Range

logger = logging.getLogger(__name__)

_ALONE = Surroundings()
# After this long a block is shown as far as it is written, unless it was asked for by hand: the rest comes with the
# next key. A line is always waited for.
_PATIENCE_S = 1.0
# A request that was ended before its first text says how slow the engine is only after a while.
_SLOW_S = 1.0


@dataclass(slots=True)
class Stats:
    """Counts since the session began.

    `cached`: answered without waiting for anything; `joined`: waited for what another request had begun; `dropped`:
    no longer wanted before the engine was asked. `engine_calls` are those that a request waited for, `ahead_calls`
    and `warm_calls` those for requests that may come. `computed_tokens`: of prompts, those that the engine had not
    cached; of completions, all.
    """

    requests: int = 0
    cached: int = 0
    joined: int = 0
    dropped: int = 0
    engine_calls: int = 0
    ahead_calls: int = 0
    warm_calls: int = 0
    computed_tokens: int = 0


class CompletionSession:
    """Holds what is known and what is under way for the documents of one editor."""

    def __init__(
        self,
        engine: Engine,
        settings: CompletionSettings,
        *,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.stats = Stats()
        self._engine = engine
        self._settings = settings
        self._time = Time(clock, sleep)
        self._pace = Pace(clock)
        self._planner = Planner(settings, self._pace)
        self._cache = SuggestionCache()
        self._flights: list[Flight] = []
        self._newest: dict[str, Mark] = {}

    async def complete(
        self,
        document: Document,
        position: Position,
        surroundings: Surroundings = _ALONE,
        *,
        invoked: bool = False,
    ) -> Completion | None:
        """Ghost text for the cursor, or None where nothing should be shown. Raises EngineError.

        `invoked`: asked for by hand, so that the answer is waited for and whole.
        """
        started = self._time.clock()
        self.stats.requests += 1
        self._pace.asked()
        place = place_at(document, position)
        self._newest[place.uri] = mark(place)
        flight: Flight | None = None
        ghost = await self._known(place, invoked)
        if ghost is not None:
            self.stats.cached += 1
        else:
            ghost, flight = await self._generated(place, surroundings, invoked)
        if self._wanted(place) and (ghost.strip() or _line_is_done(place)):
            self._look_ahead(place.accepted(ghost), surroundings)
        if not ghost.strip():
            return None
        ghost = ghost.replace("\n", newline_of(document.text))
        milliseconds = (self._time.clock() - started) * 1000
        span, model = Range(position, position), self._settings.model
        if flight is None:
            return Completion(ghost, span, model, milliseconds=milliseconds)
        return Completion(ghost, span, model, flight.usage, milliseconds, flight.plan.snippets)

    async def warm(self, document: Document, position: Position, surroundings: Surroundings = _ALONE) -> None:
        """Have the engine read the prompt for a cursor at which a completion may soon be asked for.

        Nothing while it is busy for us; the next request ends it, unless it reads what that one needs.
        """
        if not self._settings.look_ahead or self._flights:
            return
        plan = await self._planner.reading(place_at(document, position), surroundings)
        if not self._flights:
            self.stats.warm_calls += 1
            self._fly(plan, ahead=True)

    def forget(self, uri: str) -> None:
        """The document was closed."""
        self._planner.forget(uri)
        self._newest.pop(uri, None)

    async def close(self) -> None:
        logger.info("%s", self.stats)
        for flight in list(self._flights):
            flight.cancel()
            await flight.finished()

    def _wanted(self, place: Place) -> bool:
        """Whether nothing newer was asked in the same document."""
        return self._newest.get(place.uri) == mark(place)

    async def _known(self, place: Place, invoked: bool) -> str | None:
        """What is to be shown at `place`, "" if it is nothing; None if the engine must be asked."""
        found = self._cache.find(place)
        if found is None or (invoked and found[0].shape is None):
            return None
        suggestion, rest = found
        if suggestion.shape is None and await shape_of(place) == "line":
            rest = rest.partition("\n")[0]
        if len(place.after) != suggestion.mark.after[0]:
            rest = trim(rest, place.before, place.after)
        return rest

    async def _generated(self, place: Place, surroundings: Surroundings, invoked: bool) -> tuple[str, Flight | None]:
        patience_s = float("inf") if invoked else _PATIENCE_S
        flight = next((flight for flight in self._flights if flight.fits(place)), None)
        if flight is not None:
            self.stats.joined += 1
        while self._wanted(place):
            if flight is None:
                plan = await self._planner.asked(place, surroundings, invoked=invoked)
                await self._make_way(plan)
                if not invoked:
                    await self._pause(place)
                if not self._wanted(place):
                    break
                self.stats.engine_calls += 1
                flight = self._fly(plan)
            outcome = await flight.wait(place, patience_s)
            if outcome == "partly":
                ghost: str | None = await self._written(flight, place)
            else:
                ghost = await self._known(place, invoked) if outcome == "ended" else None
            if ghost is not None:
                return ghost, flight
            # Joined in vain: what it wrote is not what was typed.
            flight = None
        return "", None

    async def _written(self, flight: Flight, place: Place) -> str | None:
        """What can be shown at `place` of a block whose last line is still being written."""
        lines = flight.text[: flight.text.rfind("\n")]
        text = await asyncio.to_thread(self._vetted, flight, lines)
        typed = place.before[len(flight.plan.place.before) :]
        return text[len(typed) :] if text.startswith(typed) else None

    def _vetted(self, flight: Flight, text: str) -> str:
        place = flight.plan.place
        trimmed = trim(text, place.before, place.after)
        defined = flight.plan.surroundings.defined
        return vetted(place, trimmed, flight.logprobs, self._settings.min_probability, defined)

    async def _make_way(self, plan: Plan) -> None:
        """End what was begun for nobody and what nobody wants any more, before the engine gets `plan`."""
        for flight in list(self._flights):
            if not flight.ahead and flight.plan.place.uri != plan.place.uri:
                continue
            if not flight.reads_for(plan):
                flight.cancel()
            await flight.finished()

    async def _pause(self, place: Place) -> None:
        """Wait for the next key, which would make the request for `place` stale."""
        try:
            await self._time.sleep(self._pace.pause_s(self._settings.debounce_ms / 1000))
        except asyncio.CancelledError:
            self.stats.dropped += 1
            raise
        if not self._wanted(place):
            self.stats.dropped += 1

    def _look_ahead(self, place: Place, surroundings: Surroundings) -> None:
        """Begin to write what follows, as if what is shown had been accepted."""
        known = self._cache.find(place)
        if not self._settings.look_ahead or (known is not None and (known[1] or known[0].shape is None)):
            return
        if any(not flight.ahead or flight.fits(place) for flight in self._flights):
            return
        for flight in self._flights:
            flight.cancel()
        self.stats.ahead_calls += 1
        self._fly(self._planner.ahead(place, surroundings), ahead=True)

    def _fly(self, plan: Plan, *, ahead: bool = False) -> Flight:
        flight = Flight(plan, self._engine, self._time, self._settle, self._account, ahead=ahead)
        self._flights.append(flight)
        return flight

    async def _settle(self, flight: Flight) -> None:
        if flight.plan.ends is not None:
            text = await asyncio.to_thread(self._vetted, flight, flight.text)
            self._cache.add(flight.plan.place, text, flight.plan.shape)
        else:
            self._planner.was_read(flight.plan.place)

    def _account(self, flight: Flight) -> None:
        self._flights.remove(flight)
        usage = flight.usage
        computed = usage.prompt_tokens - usage.cached_tokens
        self.stats.computed_tokens += computed + usage.completion_tokens
        if flight.first_text_s is not None and usage.prompt_tokens:
            self._pace.answered(computed, flight.first_text_s)
        elif flight.first_text_s is None and flight.age_s > _SLOW_S:
            self._pace.gave_up(estimate_tokens(flight.plan.request.prompt), flight.age_s)


def _line_is_done(place: Place) -> bool:
    """Whether the next key is likely Enter, where nothing belongs at the cursor."""
    return bool(place.line.strip()) and (not place.after or place.after.startswith("\n"))
