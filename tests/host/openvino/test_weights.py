"""Real weights: tokens as llama.cpp makes them, sensible text, guesses that change nothing, memory that comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from mmcore import config
from mmcore.config import HostSettings
from mmcore.engine.base import ChatRequest, Sampling
from mmcore.host.llama import LlamaEngine
from mmcore.host.openvino import decoder
from mmcore.host.openvino.engine import OpenVinoEngine
from mmcore.host.openvino.generation import Generation
from mmcore.host.weights.catalog import find
from mmcore.host.weights.pull import locate
from mmcore.types import Message
from tests.host.openvino.asking import ask

pytestmark = pytest.mark.weights

FIM = "<|fim_prefix|><|fim_suffix|>\n    return total\n<|fim_middle|>def add_all(numbers):\n    total = 0\n"
TEXTS = (
    "def f(x):\n    return x123  + 你好 😀 é e\u0301\r\n\t\tif  x!=3:   \n\n\n  #  don't WE'LL",
    "<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|>c<|im_start|><tool_call><|unknown|>",
    "१२३ ①² \u00a0\u3000 \u200d x\x00y ﬁ Ǆ İstanbul ß",
)


@pytest.fixture(scope="module")
def path(small_model: str) -> Path:
    return locate(find(small_model), config.load()[0])


@pytest.fixture(scope="module")
def user_cache() -> Path:
    return config.cache_dir()


@pytest.fixture
def exact(exact: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Activations too: in 8 bits they are rounded otherwise where many rows are computed than where one is."""
    monkeypatch.setattr(decoder, "ACTIVATION_GROUP", 0)


@pytest.fixture
async def engine(path: Path, user_cache: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OpenVinoEngine]:
    """With the cache that users have too: half a minute of conversion, once."""
    monkeypatch.setenv("SIDESIGHT_CACHE", str(user_cache))
    engine = await asyncio.to_thread(OpenVinoEngine, "small", path, HostSettings())
    yield engine
    await engine.close()


async def test_tokens_are_those_of_llama_cpp(engine: OpenVinoEngine, path: Path) -> None:
    llama = await asyncio.to_thread(LlamaEngine, "small", path, HostSettings())
    try:
        for special in (True, False):
            for text in TEXTS:
                body = {"content": text, "add_special": False, "parse_special": special}
                assert engine._vocabulary.encode(text, special) == (await llama._ask("/tokenize", body))["tokens"]
    finally:
        await llama.close()


async def test_a_hole_is_filled(engine: OpenVinoEngine) -> None:
    assert "total += number" in (await ask(engine, FIM, 32)).text


async def test_a_cut_word_goes_on(engine: OpenVinoEngine) -> None:
    said = await ask(engine, FIM + "    for num", 12, heal=True)
    assert f"num{said.text}".split()[0].rstrip(":") in ("num", "number", "numbers", "num,")


async def test_guesses_change_nothing(exact: None, engine: OpenVinoEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    body = "".join(f"    total = total + {n} * weights[{n}] - offset\n" for n in range(6))
    question = (
        f"Rename `offset` to `bias`. Answer with the function only.\n\ndef f(weights, offset):\n    total = 0\n{body}"
    )
    request = ChatRequest("small", (Message("user", question),), Sampling(max_tokens=100))
    guessed = "".join([chunk.text async for chunk in engine.chat(request)])
    monkeypatch.setattr(Generation, "guessing", False)
    assert "".join([chunk.text async for chunk in engine.chat(request)]) == guessed
    assert (await engine.figures()).guessed_right > 50


async def test_memory_comes_back(path: Path, user_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDESIGHT_CACHE", str(user_cache))
    process = psutil.Process()
    before = process.memory_info().rss
    engine = await asyncio.to_thread(OpenVinoEngine, "small", path, HostSettings())
    await ask(engine, FIM, 4)
    held = process.memory_info().rss - before
    await engine.close()
    del engine
    assert process.memory_info().rss - before < held / 2
