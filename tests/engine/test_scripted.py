from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from mmcore.engine.base import ChatRequest, CompletionRequest, Sampling
from mmcore.engine.scripted import Rule, ScriptedEngine, tokenize
from mmcore.engine.turn import Turn
from mmcore.errors import EngineUnavailable
from mmcore.types import Message


def asking(prompt: str) -> CompletionRequest:
    return CompletionRequest("scripted", prompt, Sampling(max_tokens=100))


async def said(engine: ScriptedEngine, prompt: str) -> str:
    return "".join([chunk.text async for chunk in engine.complete(asking(prompt))])


async def test_the_first_rule_that_matches_speaks() -> None:
    engine = ScriptedEngine([Rule("def ", "pass"), Rule("d", "other")])
    assert await said(engine, "def f(): ") == "pass"
    assert await said(engine, "idle") == "other"
    assert await said(engine, "x") == ""


async def test_a_rule_for_a_chat_looks_at_the_last_message() -> None:
    engine = ScriptedEngine([Rule("first", "wrong"), Rule("second", "right")])
    request = ChatRequest("scripted", (Message("user", "first"), Message("user", "second")))
    assert "".join([chunk.text async for chunk in engine.chat(request)]) == "right"
    assert engine.requests == [request]


async def test_a_function_may_answer_and_an_error_be_the_answer() -> None:
    engine = ScriptedEngine(lambda request: EngineUnavailable("gone") if len(engine.requests) > 1 else "here")
    assert await said(engine, "a") == "here"
    with pytest.raises(EngineUnavailable, match="gone"):
        await said(engine, "a")


async def test_a_test_can_step_through_an_answer() -> None:
    steps = asyncio.Semaphore(0)
    engine = ScriptedEngine([Rule("", "one two three")], pace=steps.acquire)
    async with aclosing(engine.complete(asking("x"))) as chunks:
        steps.release()
        assert (await anext(chunks)).text == "one"
        assert engine.generated == 1
    assert engine.abandoned == 1
    steps.release()
    assert engine.generated == 1


async def test_a_paused_turn_holds_the_next_token() -> None:
    engine = ScriptedEngine([Rule("", "one two")])
    turn = Turn()
    chunks = engine.complete(asking("x"), turn)
    await anext(chunks)
    turn.pause()
    following = asyncio.create_task(anext(chunks))
    for _ in range(5):
        await asyncio.sleep(0)
    assert engine.generated == 1
    turn.resume()
    assert (await following).text == " two"


@pytest.mark.parametrize("text", ["", "def f(a):\n    return a+1\n", "你好, **world**.\n\n", "<|fim_prefix|>x\t\t🎉"])
def test_tokens_make_up_the_text(text: str) -> None:
    assert "".join(tokenize(text)) == text
