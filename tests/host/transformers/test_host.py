"""A directory of safetensors in the real host: named in `models.toml`, asked over HTTP, with pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mmcore.engine.base import ChatRequest, CompletionRequest, Sampling
from mmcore.engine.remote import RemoteEngine
from mmcore.errors import EngineRejected
from mmcore.types import Chunk, Image, Message
from tests.contract.hosting import RunningHost, running_host
from tests.host.transformers.conftest import noise

ENTRY = '[[model]]\nname = "{name}"\nroles = [{roles}]\nprompt_format = "qwen2.5-coder"\npath = "{path}"\n\n'


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, saved: Callable[[str], Path]) -> Iterator[RunningHost]:
    state = tmp_path_factory.mktemp("host")
    roles = {"qwen2": '"completion", "chat"', "llava": '"chat", "vision"'}
    entries = (ENTRY.format(name=name, roles=roles[name], path=saved(name).as_posix()) for name in roles)
    (state / "models.toml").write_text("".join(entries), "utf-8")
    with running_host(
        state, "auto", SIDESIGHT_CONFIG=str(state / "config.toml"), SIDESIGHT_HOST_MODEL_IDLE_S="1"
    ) as running:
        yield running


async def ask(host: RunningHost, model: str, *images: Image, most: int = 8) -> list[Chunk]:
    engine = RemoteEngine(host.url, host.token)
    request = ChatRequest(model, (Message("user", "What is it?", images),), Sampling(max_tokens=most))
    try:
        return [chunk async for chunk in engine.chat(request)]
    finally:
        await engine.close()


async def test_a_picture_in_the_request_reaches_the_model(host: RunningHost) -> None:
    answers = [await ask(host, "llava", noise(seed)) for seed in (1, 2, 1)]
    texts = ["".join(chunk.text for chunk in chunks) for chunks in answers]
    assert texts[0] == texts[2]
    assert texts[0] != texts[1]
    usages = [chunks[-1].usage for chunks in answers]
    assert all(usage and usage.prompt_tokens > 16 for usage in usages)
    assert usages[2] is not None
    assert usages[2].cached_tokens > 0


async def test_text_is_completed_too(host: RunningHost) -> None:
    engine = RemoteEngine(host.url, host.token)
    request = CompletionRequest("qwen2", "def add(left", Sampling(max_tokens=6), logprobs=True)
    chunks = [chunk async for chunk in engine.complete(request)]
    await engine.close()
    assert "".join(chunk.text for chunk in chunks)
    assert len([number for chunk in chunks for number in chunk.logprobs]) == 6


async def test_a_picture_for_a_model_without_eyes_is_refused(host: RunningHost) -> None:
    with pytest.raises(EngineRejected, match="vision"):
        await ask(host, "qwen2", noise(1))


async def test_an_idle_model_is_unloaded_and_comes_back(host: RunningHost) -> None:
    first = await ask(host, "llava", noise(1))
    assert host.settles("sidesight_models_loaded", 0)
    second = await ask(host, "llava", noise(1))
    assert "".join(chunk.text for chunk in first) == "".join(chunk.text for chunk in second)
    assert second[-1].usage is not None
    assert second[-1].usage.cached_tokens == 0
