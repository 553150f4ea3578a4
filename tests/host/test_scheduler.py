"""Fairness, by counts: who has how many tokens when."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing

import pytest

from mmcore.engine.base import ChatRequest, CompletionRequest, Sampling
from mmcore.engine.scripted import Rule, ScriptedEngine
from mmcore.host import scheduler
from mmcore.host.engines import Choice
from mmcore.host.metrics import Metrics
from mmcore.host.models import Models
from mmcore.host.scheduler import PATIENCE, TURN_TOKENS, ChatTurn, Scheduler
from mmcore.host.service import Service
from mmcore.types import Message

CHAT = ChatRequest("scripted", (Message("user", "talk"),), Sampling(max_tokens=200))
COMPLETION = CompletionRequest("scripted", "def f(", Sampling(max_tokens=200))


@pytest.fixture
def fair() -> Scheduler:
    return Scheduler(on_preemption=lambda: None)


@pytest.fixture(autouse=True)
def no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns that end by count alone."""
    monkeypatch.setattr(scheduler, "PATIENCE_S", 3600.0)
    monkeypatch.setattr(scheduler, "TURN_S", 3600.0)


async def completions(fair: Scheduler, turn: ChatTurn, times: int) -> list[bool]:
    """Whether the chat was paused during each."""
    paused = []
    for _ in range(times):
        async with fair.completion():
            paused.append(turn.paused)
    return paused


async def test_a_chat_makes_way_for_a_completion_and_goes_on_after_it(fair: Scheduler) -> None:
    async with fair.chat() as turn:
        assert not turn.paused
        async with fair.completion():
            assert turn.paused
        assert not turn.paused


async def test_a_chat_that_comes_during_a_completion_waits_for_it(fair: Scheduler) -> None:
    async with fair.completion(), fair.chat() as turn:
        assert turn.paused


async def test_a_chat_goes_on_only_when_the_last_completion_has_ended(fair: Scheduler) -> None:
    async with fair.chat() as turn, AsyncExitStack() as second:
        async with AsyncExitStack() as first:
            await first.enter_async_context(fair.completion())
            await second.enter_async_context(fair.completion())
        assert turn.paused
        await second.aclose()
        assert not turn.paused


async def test_a_completion_is_never_paused(fair: Scheduler) -> None:
    async with fair.chat(), fair.completion() as first, fair.completion() as second:
        assert not first.paused
        assert not second.paused


async def test_after_so_many_completions_a_chat_has_its_turn_beside_them(fair: Scheduler) -> None:
    async with fair.chat() as turn:
        assert await completions(fair, turn, PATIENCE + 1) == [True] * PATIENCE + [False]


async def test_a_turn_lasts_so_many_tokens(fair: Scheduler) -> None:
    async with fair.chat() as turn, AsyncExitStack() as stack:
        for _ in range(PATIENCE + 1):
            await stack.enter_async_context(fair.completion())
        for _ in range(TURN_TOKENS):
            assert not turn.paused
            turn.spend()
        assert turn.paused


async def test_a_turn_ends_by_the_clock_where_no_token_comes(fair: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "PATIENCE_S", 0.0)
    monkeypatch.setattr(scheduler, "TURN_S", 0.0)
    async with fair.chat() as turn, fair.completion():
        assert turn.paused
        await turn.wait()
        while not turn.paused:
            await asyncio.sleep(0)


async def test_a_chat_between_completions_keeps_its_patience_full(fair: Scheduler) -> None:
    """Tokens between two completions are progress: no turn beside completions is owed for it."""
    async with fair.chat() as turn:
        for _ in range(3 * PATIENCE):
            assert await completions(fair, turn, 1) == [True]
            turn.spend()


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine([Rule("talk", " bla" * 100), Rule("def", " code" * 10)])


@pytest.fixture
def service(engine: ScriptedEngine) -> Service:
    metrics = Metrics()
    return Service(Models(Choice(("scripted",), lambda name, on_progress: engine, lambda name: 0), metrics), metrics)


async def test_completions_in_a_row_leave_a_chat_its_share(service: Service, engine: ScriptedEngine) -> None:
    said: list[str] = []

    async def talk() -> None:
        async for chunk in service.chat(CHAT):
            said.append(chunk.text)

    chat = asyncio.create_task(talk())
    shares = []
    for _ in range(4 * PATIENCE):
        before = len(said)
        assert [chunk async for chunk in service.complete(COMPLETION)]
        shares.append(len(said) - before)
    assert max(shares) <= 2
    assert sum(shares) >= PATIENCE
    assert service.metrics.preemptions._value.get() >= PATIENCE
    await chat
    assert len(said) == 101


async def test_completions_that_never_cease_leave_a_chat_its_turns(service: Service) -> None:
    said: list[str] = []

    async def talk() -> None:
        async for chunk in service.chat(CHAT):
            said.append(chunk.text)

    async with aclosing(service.complete(COMPLETION)) as lasting:
        await anext(lasting)
        chat = asyncio.create_task(talk())
        for turns in range(1, 4):
            while len(said) < turns * TURN_TOKENS:
                assert [chunk async for chunk in service.complete(COMPLETION)]
            assert len(said) == turns * TURN_TOKENS
    await chat
    assert len(said) == 101


async def test_no_completion_waits_for_chats(service: Service) -> None:
    chats = [asyncio.create_task(anext(service.chat(CHAT))) for _ in range(6)]
    await asyncio.sleep(0)
    assert [chunk async for chunk in service.complete(COMPLETION)]
    for chat in chats:
        chat.cancel()
    await asyncio.wait(chats)


async def test_eight_editors_are_served_in_the_order_in_which_they_came(service: Service) -> None:
    order: list[int] = []

    async def ask(editor: int) -> None:
        chunks = service.complete(COMPLETION)
        await anext(chunks)
        order.append(editor)
        async for _ in chunks:
            pass

    await asyncio.gather(*(ask(editor) for editor in range(8)))
    assert order == list(range(8))


async def test_eight_editors_share_one_model(service: Service) -> None:
    async def ask() -> None:
        async for _ in service.complete(COMPLETION):
            pass

    await asyncio.gather(*(ask() for _ in range(8)))
    assert service.metrics.loads.labels("scripted")._value.get() == 1
    assert service.active == 0


async def test_a_chat_that_waits_may_be_given_up(service: Service, engine: ScriptedEngine) -> None:
    first = service.chat(CHAT)
    await anext(first)
    second = asyncio.create_task(anext(service.chat(CHAT)))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    await first.aclose()
    assert [chunk async for chunk in service.chat(CHAT)]
    assert service.active == 0
