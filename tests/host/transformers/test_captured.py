"""Decoding over a cache of fixed length says what decoding step by step says. On a GPU the same pass is captured."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
import torch

from mmcore.engine.base import Sampling
from mmcore.engine.turn import Turn
from mmcore.host.transformers import captured
from mmcore.host.transformers.loading import Loaded, load
from mmcore.host.transformers.prompts import Prompt, Prompts
from mmcore.host.transformers.stepping import StepDecoder
from mmcore.types import Message
from tests.host.transformers.conftest import noise
from tests.host.transformers.models import SIGHTED

Saved = Callable[[str], Path]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captured, "SHORTEST_TOKENS", captured.PART_TOKENS)


@asynccontextmanager
async def decoding(loaded: Loaded, by_capture: bool) -> AsyncIterator[StepDecoder]:
    decoder = StepDecoder(loaded, 64, by_capture)
    yield decoder
    await decoder.close()


def prompt(loaded: Loaded, family: str, text: str) -> Prompt:
    images = (noise(1), noise(2)) if family in SIGHTED else ()
    return Prompts(family, loaded, 10**6).chat((Message("user", text, images),))


async def tokens(decoder: StepDecoder, asked: Prompt, count: int) -> tuple[list[int], list[float], int]:
    """Tokens, their log-probabilities, and how many of the prompt were cached."""
    found = []
    async with aclosing(decoder.generate(asked, Sampling(max_tokens=count), True, Turn())) as stream:
        async for token in stream:
            found.append(token)
            if len(found) == count:
                break
    return [token.identity for token in found], [token.logprob for token in found], found[0].cached_tokens


# The longer one outgrows its first cache.
@pytest.mark.parametrize("text", ["What is in them?", "Is it? " * 50])
@pytest.mark.parametrize("family", ["qwen2", *SIGHTED])
async def test_every_family_says_the_same(family: str, text: str, saved: Saved) -> None:
    loaded = load(saved(family), 2048)
    asked = prompt(loaded, family, text)
    async with decoding(loaded, False) as plain, decoding(loaded, True) as fixed:
        expected, certain, _ = await tokens(plain, asked, 80)
        said, surely, _ = await tokens(fixed, asked, 80)
        held = fixed._captured is not None and fixed._captured._step
    assert held
    assert held.length > len(asked.ids) + 79 >= held.length // 2 or held.length == captured.PART_TOKENS
    assert said == expected
    assert surely == pytest.approx(certain, abs=1e-4)


async def test_what_was_computed_there_is_kept_for_a_follow_up(saved: Saved) -> None:
    loaded = load(saved("qwen2"), 2048)
    asked = prompt(loaded, "qwen2", "What is it?")
    async with decoding(loaded, False) as plain, decoding(loaded, True) as fixed:
        said, _, _ = await tokens(fixed, asked, 30)
        follow = Prompt([*asked.ids, *said, 5, 6])
        again, _, cached = await tokens(fixed, follow, 10)
        expected, _, _ = await tokens(plain, follow, 10)
    # All but the last token that was said, which nobody asked what comes after.
    assert cached == len(follow.ids) - 3
    assert again == expected


async def test_requests_at_once_do_not_mix(saved: Saved) -> None:
    loaded = load(saved("qwen2"), 2048)
    several = [prompt(loaded, "qwen2", text) for text in ("What is it?", "Who was it?", "The quick brown fox")]
    async with decoding(loaded, False) as plain, decoding(loaded, True) as fixed:
        together = await asyncio.gather(*(tokens(fixed, asked, 40) for asked in several))
        alone = [await tokens(plain, asked, 40) for asked in several]
    assert [said for said, _, _ in together] == [said for said, _, _ in alone]


@pytest.mark.parametrize("how", ["raises", "differs"])
async def test_a_model_that_it_does_not_fit_is_decoded_as_before(
    how: str, saved: Saved, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def step(self: object, token: int) -> torch.Tensor:
        if how == "raises":
            raise RuntimeError("operation not permitted when stream is capturing")
        return torch.randn(loaded.model.config.vocab_size)

    monkeypatch.setattr(captured._Step, "__call__", step)
    loaded = load(saved("qwen2"), 2048)
    asked = prompt(loaded, "qwen2", "What is it?")
    async with decoding(loaded, False) as plain, decoding(loaded, True) as fixed:
        assert await tokens(fixed, asked, 20) == await tokens(plain, asked, 20)
    assert caplog.text.count("is not decoded by a captured pass") == 1
