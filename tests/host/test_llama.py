"""llama.cpp with real weights: what only a real engine can get wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from mmcore import config
from mmcore.config import HostSettings
from mmcore.engine.base import ChatRequest, CompletionRequest, Sampling
from mmcore.engine.turn import Turn
from mmcore.errors import EngineRejected, EngineUnavailable
from mmcore.host.llama import LlamaEngine
from mmcore.host.llama_server import BATCH_TOKENS
from mmcore.host.weights.catalog import find
from mmcore.host.weights.pull import locate
from mmcore.types import Chunk, Image, Message
from tests.contract.hosting import within

pytestmark = [pytest.mark.weights, pytest.mark.asyncio(loop_scope="module")]

# Small, so that it is soon full.
SETTINGS = HostSettings(context_tokens=1024)

PROMPT = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20"


@pytest.fixture(scope="module")
def path(small_model: str) -> Path:
    settings, _ = config.load()
    return locate(find(small_model), settings)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(path: Path) -> AsyncIterator[LlamaEngine]:
    engine = await asyncio.to_thread(LlamaEngine, "small", path, SETTINGS)
    yield engine
    await engine.close()


def completion(prompt: str = PROMPT, **sampling: object) -> CompletionRequest:
    return CompletionRequest("small", prompt, Sampling(**{"max_tokens": 16, **sampling}))


async def collect(
    engine: LlamaEngine, request: CompletionRequest | ChatRequest, turn: Turn | None = None
) -> list[Chunk]:
    if isinstance(request, CompletionRequest):
        return [chunk async for chunk in engine.complete(request, turn)]
    return [chunk async for chunk in engine.chat(request, turn)]


def text_of(chunks: list[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


async def prompt_tokens(engine: LlamaEngine, request: CompletionRequest | ChatRequest) -> int:
    usage = (await collect(engine, request))[-1].usage
    assert usage is not None
    return usage.prompt_tokens


@pytest.mark.parametrize("stop", [(), ("\n25", " 23")])
async def test_an_answer_that_was_paused_again_and_again_is_the_same(
    engine: LlamaEngine, stop: tuple[str, ...]
) -> None:
    request = completion(max_tokens=9, stop=stop)
    whole = await collect(engine, request)
    turn = Turn()
    chunks: list[Chunk] = []
    async for chunk in engine.complete(request, turn):
        chunks.append(chunk)
        turn.pause()
        asyncio.get_running_loop().call_soon(turn.resume)
    assert text_of(chunks) == text_of(whole)
    assert chunks[-1].finish_reason == whole[-1].finish_reason
    assert chunks[-1].usage is not None
    assert whole[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == whole[-1].usage.completion_tokens
    assert chunks[-1].usage.prompt_tokens == whole[-1].usage.prompt_tokens


async def test_characters_of_several_tokens_survive_a_pause(engine: LlamaEngine) -> None:
    request = ChatRequest("small", (Message("user", "Repeat exactly: 🦊🦉你好"),), Sampling(max_tokens=12))
    whole = text_of(await collect(engine, request))
    turn = Turn()
    said = ""
    async for chunk in engine.chat(request, turn):
        said += chunk.text
        turn.pause()
        asyncio.get_running_loop().call_soon(turn.resume)
    assert said == whole
    assert "\ufffd" not in said


async def test_a_prompt_that_is_paused_is_not_computed_again(engine: LlamaEngine) -> None:
    request = completion("word " * 400, max_tokens=1)
    computed = await counted(engine, "prompt_tokens_total")
    turn = Turn()
    task = asyncio.create_task(collect(engine, request, turn))
    assert await processing(engine)
    turn.pause()
    assert await processing(engine, False)
    turn.resume()
    usage = (await task)[-1].usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.cached_tokens) == (401, 0)
    assert await counted(engine, "prompt_tokens_total") - computed <= 401 + BATCH_TOKENS


async def test_special_tokens_of_a_raw_prompt_are_special(engine: LlamaEngine) -> None:
    assert await prompt_tokens(engine, completion("<|fim_prefix|><|fim_suffix|><|fim_middle|>", max_tokens=1)) == 3


async def test_special_tokens_in_a_message_are_text(engine: LlamaEngine) -> None:
    """A file or a picture that contains them cannot end the message that it is in."""

    async def tokens(content: str) -> int:
        request = ChatRequest("small", (Message("user", content),), Sampling(max_tokens=1))
        return await prompt_tokens(engine, request)

    assert await tokens("<|im_end|>") - await tokens("") > 1


async def test_a_message_is_rendered_by_the_models_own_template(engine: LlamaEngine) -> None:
    messages = (Message("system", "Be brief."), Message("user", "Hi."), Message("assistant", "Hello."))
    rendered = (await engine._render(ChatRequest("small", (*messages, Message("user", "Bye."))))).parts
    assert rendered[0] == "<|im_start|>system\n"
    assert rendered[-1] == "<|im_end|>\n<|im_start|>assistant\n"
    assert [part for part in rendered if isinstance(part, str)][2] == "<|im_end|>\n<|im_start|>assistant\n"


async def test_a_picture_is_refused_by_a_model_that_has_no_eyes(engine: LlamaEngine) -> None:
    picture = Image(b"", "image/png", 0, 0, "")
    with pytest.raises(EngineRejected, match="no pictures"):
        await collect(engine, ChatRequest("small", (Message("user", "What?", (picture,)),)))


async def test_the_limit_that_is_named_is_the_one_of_the_settings(engine: LlamaEngine) -> None:
    with pytest.raises(EngineRejected, match=r"1501 tokens.*1024.*host\.context_tokens"):
        await collect(engine, completion("word " * 1500))


async def test_prompts_that_fill_the_cache_together_are_all_answered(engine: LlamaEngine) -> None:
    requests = [completion(f"{word} " * 600, max_tokens=1) for word in ("one", "two", "three")]
    for request in [*requests, *requests]:
        assert text_of(await collect(engine, request))


async def test_closing_a_stream_leaves_two_tokens_at_most(engine: LlamaEngine) -> None:
    before = (await engine.figures()).surplus
    for _ in range(3):
        async with aclosing(engine.complete(completion(max_tokens=1000))) as chunks:
            await anext(chunks)
        assert await processing(engine, False)
    # Of each at most the token in the making and the one begun before the news got through.
    assert (await engine.figures()).surplus - before <= 6


async def test_closing_while_the_prompt_is_read_stops_the_reading(engine: LlamaEngine) -> None:
    request = completion("cat " * 800, max_tokens=1)
    task = asyncio.create_task(collect(engine, request))
    assert await processing(engine)
    task.cancel()
    await asyncio.wait([task])
    assert await processing(engine, False)
    usage = (await collect(engine, request))[-1].usage
    assert usage is not None
    assert usage.cached_tokens < 700


async def test_memory_is_given_back_and_the_process_ends(path: Path) -> None:
    engine = await asyncio.to_thread(LlamaEngine, "small", path, SETTINGS)
    process = psutil.Process(engine._process.pid)
    assert process.memory_info().rss > 300 << 20
    await engine.close()
    assert not process.is_running()


async def test_an_engine_that_was_killed_says_so(path: Path) -> None:
    engine = await asyncio.to_thread(LlamaEngine, "small", path, SETTINGS)
    chunks = engine.complete(completion(max_tokens=1000))
    await anext(chunks)
    engine._process.kill()
    with pytest.raises(EngineUnavailable, match="small"):
        async for _ in chunks:
            pass
    assert await asyncio.to_thread(within, lambda: not engine.alive())
    await engine.close()


async def test_what_is_no_model_is_called_so(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(1000))
    with pytest.raises(EngineUnavailable, match=r"broken\.gguf cannot be loaded"):
        await asyncio.to_thread(LlamaEngine, "broken", broken, HostSettings())


async def processing(engine: LlamaEngine, expected: bool = True) -> bool:
    """Whether llama.cpp begins, or ceases, to compute; asked in the event loop, in which its client lives."""
    for _ in range(6000):
        slots = (await engine._client.get("/slots")).json()
        if any(slot["is_processing"] for slot in slots) is expected:
            return True
        await asyncio.sleep(0.01)
    return False


async def counted(engine: LlamaEngine, name: str) -> int:
    lines = (await engine._client.get("/metrics")).text.splitlines()
    return next(int(float(line.split()[1])) for line in lines if line.startswith(f"llamacpp:{name} "))
