"""Counts, never times: how often the engine is asked, and what for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from mmcore.completion.flight import GRACE_S
from mmcore.completion.session import CompletionSession
from mmcore.config import CompletionSettings
from mmcore.engine.base import CompletionRequest
from mmcore.engine.scripted import Answer, Request, ScriptedEngine
from mmcore.errors import EngineUnavailable
from mmcore.text import position_at
from mmcore.types import Completion, Document, Position

SETTINGS = CompletionSettings(model="scripted", look_ahead=False)


def at(text: str, uri: str = "file:///a.py") -> tuple[Document, Position]:
    """A document whose cursor is drawn as ▮."""
    plain = text.replace("▮", "")
    return Document(uri, "python", plain), position_at(plain, text.index("▮"))


class Sleeps:
    """Stands for asyncio.sleep: each sleep ends when it is let."""

    def __init__(self) -> None:
        self.wanted: list[float] = []
        self._alarm = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.wanted.append(seconds)
        await self._alarm.wait()

    def end(self) -> None:
        self._alarm.set()
        self._alarm = asyncio.Event()


async def at_once(seconds: float) -> None:
    """The pause in typing is over at once; the grace of what nobody waits for never is."""
    await (asyncio.Event().wait() if seconds == GRACE_S else asyncio.sleep(0))


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0)


async def ghost(session: CompletionSession, text: str, *, invoked: bool = False) -> str | None:
    completion = await session.complete(*at(text), invoked=invoked)
    return completion.text if completion else None


def asking(session: CompletionSession, text: str) -> asyncio.Task[Completion | None]:
    return asyncio.create_task(session.complete(*at(text)))


async def cancelled(task: asyncio.Task[Completion | None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def saying(answer: str) -> Callable[[Request], Answer]:
    return lambda request: answer


@pytest.fixture
async def tokens() -> asyncio.Semaphore:
    """Each release lets the engine write one token."""
    return asyncio.Semaphore(0)


@pytest.fixture
async def engine(tokens: asyncio.Semaphore) -> ScriptedEngine:
    return ScriptedEngine(saying("print(total, end)"), pace=tokens.acquire)


@pytest.fixture
async def sleeps() -> Sleeps:
    return Sleeps()


@pytest.fixture
async def session(engine: ScriptedEngine) -> AsyncIterator[CompletionSession]:
    session = CompletionSession(engine, SETTINGS, sleep=at_once)
    yield session
    await session.close()


def let_write(tokens: asyncio.Semaphore, count: int = 100) -> None:
    for _ in range(count):
        tokens.release()


async def test_typing_as_suggested_asks_the_engine_once(
    session: CompletionSession, engine: ScriptedEngine, tokens: asyncio.Semaphore
) -> None:
    let_write(tokens)
    text = "print(total, end)"
    assert await ghost(session, "    ▮\n") == text
    for count in range(1, len(text)):
        assert await ghost(session, f"    {text[:count]}▮\n") == text[count:]
    assert len(engine.requests) == session.stats.engine_calls == 1
    assert session.stats.cached == len(text) - 1


async def test_several_characters_and_a_closed_bracket_are_typing_as_suggested_too(
    session: CompletionSession, engine: ScriptedEngine, tokens: asyncio.Semaphore
) -> None:
    let_write(tokens)
    await ghost(session, "x = ▮\n")
    assert await ghost(session, "x = print(▮)\n") == "total, end"
    assert await ghost(session, "x = print(tot▮)\n") == "al, end"
    assert len(engine.requests) == 1


async def test_typing_something_else_asks_again(
    session: CompletionSession, engine: ScriptedEngine, tokens: asyncio.Semaphore
) -> None:
    let_write(tokens)
    await ghost(session, "x = ▮\n")
    await ghost(session, "x = q▮\n")
    assert len(engine.requests) == 2


async def test_that_nothing_belongs_somewhere_is_asked_once(tokens: asyncio.Semaphore) -> None:
    engine = ScriptedEngine(saying(""))
    session = CompletionSession(engine, SETTINGS, sleep=at_once)
    assert await ghost(session, "x = 1▮\n") is None
    assert await ghost(session, "x = 1▮\n") is None
    assert len(engine.requests) == 1


async def test_a_request_under_way_is_joined_when_typing_goes_on_as_it_writes(
    session: CompletionSession, engine: ScriptedEngine, tokens: asyncio.Semaphore
) -> None:
    first = asking(session, "x = ▮\n")
    let_write(tokens, 2)
    await until(lambda: engine.generated == 2)
    await cancelled(first)
    second = asking(session, "x = pr▮\n")
    await until(lambda: session.stats.joined == 1)
    let_write(tokens)
    completion = await second
    assert completion is not None
    assert completion.text == "int(total, end)"
    assert len(engine.requests) == 1


async def test_a_request_that_has_written_nothing_yet_may_be_joined_and_left_again(
    session: CompletionSession, engine: ScriptedEngine, tokens: asyncio.Semaphore
) -> None:
    first = asking(session, "x = ▮\n")
    await until(lambda: len(engine.requests) == 1)
    await cancelled(first)
    second = asking(session, "x = q▮\n")
    await until(lambda: session.stats.joined == 1)
    let_write(tokens)
    assert (await second) is not None
    assert len(engine.requests) == 2


async def test_a_request_that_no_longer_fits_is_closed_before_the_next_is_sent(
    session: CompletionSession, engine: ScriptedEngine, tokens: asyncio.Semaphore
) -> None:
    first = asking(session, "x = ▮\n")
    let_write(tokens, 2)
    await until(lambda: engine.generated == 2)
    second = asking(session, "y = ▮\n")
    await until(lambda: len(engine.requests) == 2)
    assert engine.abandoned == 1
    let_write(tokens)
    assert (await first) is None
    assert (await second) is not None
    assert session.stats.engine_calls == 2


async def test_a_generation_that_nobody_waits_for_is_closed_after_the_grace(
    engine: ScriptedEngine, tokens: asyncio.Semaphore, sleeps: Sleeps
) -> None:
    session = CompletionSession(engine, SETTINGS, sleep=sleeps)
    first = asking(session, "x = ▮\n")
    await until(lambda: len(sleeps.wanted) == 1)
    sleeps.end()  # the pause in typing
    let_write(tokens, 1)
    await until(lambda: engine.generated == 1)
    await cancelled(first)
    await until(lambda: len(sleeps.wanted) == 2)
    assert engine.abandoned == 0
    assert sleeps.wanted[1] == GRACE_S
    sleeps.end()
    await until(lambda: engine.abandoned == 1)
    let_write(tokens)
    await asyncio.sleep(0)
    assert engine.generated == 1


async def test_a_request_that_is_stale_before_the_pause_ends_never_reaches_the_engine(
    engine: ScriptedEngine, tokens: asyncio.Semaphore, sleeps: Sleeps
) -> None:
    session = CompletionSession(engine, SETTINGS, sleep=sleeps)
    stale = [asking(session, f"x = {'a' * count}▮\n") for count in range(5)]
    last = asking(session, "x = aaaaaa▮\n")
    await until(lambda: len(sleeps.wanted) == 6)
    await cancelled(stale.pop())
    sleeps.end()
    let_write(tokens)
    assert [await task for task in stale] == [None] * 4
    assert (await last) is not None
    assert len(engine.requests) == 1
    assert session.stats.dropped == 5


async def test_who_asks_by_hand_waits_for_no_pause(
    engine: ScriptedEngine, tokens: asyncio.Semaphore, sleeps: Sleeps
) -> None:
    session = CompletionSession(engine, SETTINGS, sleep=sleeps)
    let_write(tokens)
    assert await ghost(session, "x = ▮\n", invoked=True) == "print(total, end)"
    assert sleeps.wanted == []


async def test_two_requests_for_one_place_cost_one_call(
    session: CompletionSession, engine: ScriptedEngine, tokens: asyncio.Semaphore
) -> None:
    tasks = [asking(session, "x = ▮\n")]
    await until(lambda: len(engine.requests) == 1)
    tasks.append(asking(session, "x = ▮\n"))
    await until(lambda: session.stats.joined == 1)
    let_write(tokens)
    assert [completion and completion.text for completion in await asyncio.gather(*tasks)] == ["print(total, end)"] * 2
    assert len(engine.requests) == 1


async def test_two_documents_do_not_disturb_each_other(
    session: CompletionSession, engine: ScriptedEngine, tokens: asyncio.Semaphore
) -> None:
    first = asyncio.create_task(session.complete(*at("x = ▮\n")))
    second = asyncio.create_task(session.complete(*at("x = ▮\n", "file:///b.py")))
    await until(lambda: len(engine.requests) == 2)
    let_write(tokens)
    assert (await first) is not None
    assert (await second) is not None
    assert engine.abandoned == 0


async def test_an_accepted_suggestion_is_followed_without_the_engine(tokens: asyncio.Semaphore) -> None:
    def script(request: Request) -> Answer:
        assert isinstance(request, CompletionRequest)
        if request.prompt.endswith("total = 1"):
            return "\n    return total\n\nprint()"
        return "tal = 1"

    engine = ScriptedEngine(script)
    session = CompletionSession(engine, CompletionSettings(model="scripted"), sleep=at_once)
    assert await ghost(session, "def f():\n    to▮\n") == "tal = 1"
    await until(lambda: len(engine.requests) == 2 and not session._flights)
    assert await ghost(session, "def f():\n    total = 1▮\n") is None
    assert await ghost(session, "def f():\n    total = 1\n    ▮\n") == "return total"
    assert session.stats.engine_calls == 1


async def test_where_a_line_is_done_the_next_one_is_written_before_enter(tokens: asyncio.Semaphore) -> None:
    def script(request: Request) -> Answer:
        assert isinstance(request, CompletionRequest)
        return "" if request.sampling.stop else "\n    return total\n"

    engine = ScriptedEngine(script)
    session = CompletionSession(engine, CompletionSettings(model="scripted"), sleep=at_once)
    assert await ghost(session, "def f():\n    total = 1▮\n") is None
    await until(lambda: len(engine.requests) == 2 and not session._flights)
    assert await ghost(session, "def f():\n    total = 1▮\n") is None
    assert await ghost(session, "def f():\n    total = 1\n    ▮\n") == "return total"
    assert session.stats.engine_calls == 1


async def test_a_real_request_ends_what_was_begun_ahead(tokens: asyncio.Semaphore) -> None:
    engine = ScriptedEngine(saying("abc + def"), pace=tokens.acquire)
    session = CompletionSession(engine, CompletionSettings(model="scripted"), sleep=at_once)
    first = asking(session, "x = ▮\n")
    await until(lambda: len(engine.requests) == 1)
    let_write(tokens, 7)
    await first
    await until(lambda: len(engine.requests) == 2)
    second = asking(session, "y = ▮\n")
    await until(lambda: len(engine.requests) == 3)
    assert engine.abandoned == 1
    let_write(tokens)
    assert (await second) is not None
    await session.close()


async def test_a_request_joins_what_was_begun_ahead_when_it_fits(tokens: asyncio.Semaphore) -> None:
    def script(request: Request) -> Answer:
        return "a" if len(engine.requests) == 1 else "bc"

    engine = ScriptedEngine(script, pace=tokens.acquire)
    session = CompletionSession(engine, CompletionSettings(model="scripted"), sleep=at_once)
    first = asking(session, "x = ▮\n")
    let_write(tokens, 1)
    assert (await first) is not None
    await until(lambda: len(engine.requests) == 2)
    second = asking(session, "x = ab▮\n")
    await until(lambda: session.stats.joined == 1)
    let_write(tokens)
    await second
    assert session.stats.engine_calls == 1
    await session.close()


async def test_warming_reads_the_prompt_and_writes_one_token_at_most(
    session: CompletionSession, tokens: asyncio.Semaphore
) -> None:
    let_write(tokens)
    engine = ScriptedEngine(saying("a b c d"))
    session = CompletionSession(engine, CompletionSettings(model="scripted"), sleep=at_once)
    await session.warm(*at("x = ▮\n"))
    await until(lambda: engine.generated == 1 and not session._flights)
    session.stats.computed_tokens = 0
    assert await ghost(session, "x = ▮\n") == "a b c d"
    assert engine.requests[0].sampling.max_tokens == 1
    await session.close()


async def test_warming_for_another_place_is_ended_by_a_request(tokens: asyncio.Semaphore) -> None:
    engine = ScriptedEngine(saying("a b"), pace=tokens.acquire)
    session = CompletionSession(engine, CompletionSettings(model="scripted", look_ahead=True), sleep=at_once)
    await session.warm(*at("▮first\n"))
    await until(lambda: len(engine.requests) == 1)
    asked = asking(session, "first\nx = ▮\n")
    await until(lambda: len(engine.requests) == 2)
    assert engine.abandoned == 1
    let_write(tokens)
    assert (await asked) is not None
    await session.close()


async def test_warming_for_the_same_place_is_waited_for(tokens: asyncio.Semaphore) -> None:
    engine = ScriptedEngine(saying("a b"), pace=tokens.acquire)
    session = CompletionSession(engine, CompletionSettings(model="scripted"), sleep=at_once)
    await session.warm(*at("x = ▮\n"))
    await until(lambda: len(engine.requests) == 1)
    asked = asking(session, "x = y▮\n")
    let_write(tokens)
    assert (await asked) is not None
    assert engine.abandoned == 0
    await session.close()


async def test_a_long_block_is_shown_in_part_and_then_goes_on(tokens: asyncio.Semaphore) -> None:
    now = 0.0
    engine = ScriptedEngine(saying("\n    a = 1\n    b = 2\n    return a\n"), pace=tokens.acquire)
    session = CompletionSession(engine, SETTINGS, clock=lambda: now, sleep=at_once)
    asked = asking(session, "def f():▮\n")
    let_write(tokens, 7)
    await until(lambda: engine.generated == 7)
    now = 60.0
    let_write(tokens, 1)
    completion = await asked
    assert completion is not None
    assert completion.text == "\n    a = 1"
    more = asking(session, "def f():\n    a▮\n")
    let_write(tokens)
    assert (await more) is not None
    assert await ghost(session, "def f():\n    a = 1▮\n") == "\n    b = 2\n    return a"
    assert len(engine.requests) == 1


async def test_a_block_asked_for_by_hand_is_whole(tokens: asyncio.Semaphore) -> None:
    let_write(tokens)
    now = iter(range(0, 100000, 60))
    engine = ScriptedEngine(saying("\n    a = 1\n    b = 2\n"), pace=tokens.acquire)
    session = CompletionSession(engine, SETTINGS, clock=lambda: next(now), sleep=at_once)
    assert await ghost(session, "def f():▮\n", invoked=True) == "\n    a = 1\n    b = 2"


async def test_a_block_ends_where_the_code_after_the_cursor_begins(tokens: asyncio.Semaphore) -> None:
    engine = ScriptedEngine(saying("a = 1\n    return compute(a)\n    never = 1\n    never = 2\n"))
    session = CompletionSession(engine, SETTINGS, sleep=at_once)
    assert await ghost(session, "def f():\n    ▮\n    return compute(a)\n") == "a = 1"
    assert engine.abandoned == 1


async def test_a_dead_engine_is_the_askers_to_hear_of() -> None:
    engine = ScriptedEngine(lambda request: EngineUnavailable("the engine is away; start it"))
    session = CompletionSession(engine, CompletionSettings(model="scripted"), sleep=at_once)
    with pytest.raises(EngineUnavailable, match="away"):
        await ghost(session, "x = ▮\n")
    await session.warm(*at("x = ▮\n"))
    await until(lambda: not session._flights)


async def test_windows_line_ends_are_kept(tokens: asyncio.Semaphore) -> None:
    engine = ScriptedEngine(saying("\n    return 1\n"))
    session = CompletionSession(engine, SETTINGS, sleep=at_once)
    document = Document("file:///a.py", "python", "x = 1\r\ndef f():\r\n")
    completion = await session.complete(document, Position(1, 8))
    assert completion is not None
    assert completion.text == "\r\n    return 1"


async def test_what_the_engine_computed_is_counted(tokens: asyncio.Semaphore) -> None:
    engine = ScriptedEngine(saying("a b"))
    session = CompletionSession(engine, SETTINGS, sleep=at_once)
    await ghost(session, "x = ▮\n")
    first = session.stats.computed_tokens
    await ghost(session, "x = z▮\n")
    assert 0 < session.stats.computed_tokens - first < first
