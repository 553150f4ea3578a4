"""Continuous batching gives the same tokens as a request alone. What is a matter of speed is `bench/gpu.py`'s."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from mmcore.engine.base import Sampling
from mmcore.engine.turn import Turn
from mmcore.host.transformers.loading import Loaded, load
from mmcore.host.transformers.paged import PagedDecoder
from mmcore.host.transformers.prompts import Prompt
from mmcore.host.transformers.stepping import StepDecoder
from tests.contract.hosting import within

PROMPTS = ("def add(left, right):", "The quick brown fox", "What colour is the circle in the second picture?")


@pytest.fixture
def loaded(saved: Callable[[str], Path]) -> Loaded:
    return load(saved("qwen2"), 1024)


@pytest.fixture
async def decoder(loaded: Loaded) -> AsyncIterator[PagedDecoder]:
    decoder = PagedDecoder(loaded, page_tokens=16)
    yield decoder
    await decoder.close()


def prompt(loaded: Loaded, text: str) -> Prompt:
    return Prompt(loaded.tokenizer(text)["input_ids"])


async def tokens(decoder: PagedDecoder | StepDecoder, asked: Prompt, count: int = 24) -> list[tuple[int, float]]:
    found: list[tuple[int, float]] = []
    async with aclosing(decoder.generate(asked, Sampling(max_tokens=count), True, Turn())) as stream:
        async for token in stream:
            found.append((token.identity, token.logprob))
            if len(found) == count:
                break
    return found


async def test_a_batch_says_what_each_request_says_alone(loaded: Loaded, decoder: PagedDecoder) -> None:
    stepping = StepDecoder(loaded, 64)
    asked = [prompt(loaded, text) for text in PROMPTS]
    together = await asyncio.gather(*(tokens(decoder, each) for each in asked))
    # Afterwards: while it lives, the batch has its own kind of attention set in the model.
    alone = [await tokens(stepping, each) for each in asked]
    for said, expected in zip(together, alone, strict=True):
        ended = len(said)
        assert [token for token, _ in said] == [token for token, _ in expected[:ended]]
        assert [number for _, number in said] == pytest.approx([number for _, number in expected[:ended]], abs=1e-3)
    await stepping.close()


async def test_closing_takes_the_request_out_of_the_batch(loaded: Loaded, decoder: PagedDecoder) -> None:
    async with aclosing(decoder.generate(prompt(loaded, PROMPTS[0]), Sampling(max_tokens=900), True, Turn())) as stream:
        await anext(stream)
    await tokens(decoder, prompt(loaded, PROMPTS[1]))
    assert await asyncio.to_thread(within, lambda: not decoder._manager.batch_processor.has_pending_requests())
    assert decoder.surplus <= 1


async def test_a_pause_changes_nothing_that_is_said(loaded: Loaded, decoder: PagedDecoder) -> None:
    asked = prompt(loaded, PROMPTS[2])
    alone = await tokens(decoder, asked)
    turn = Turn()
    said: list[int] = []
    async with aclosing(decoder.generate(asked, Sampling(max_tokens=24), True, turn)) as stream:
        async for token in stream:
            said.append(token.identity)
            if len(said) in (3, 9):
                turn.pause()
                asyncio.get_running_loop().call_soon(turn.resume)
    assert said == [token for token, _ in alone]
