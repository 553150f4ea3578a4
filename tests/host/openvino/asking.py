"""Ask an engine and collect what it says."""

from __future__ import annotations

from dataclasses import dataclass

from mmcore.engine.base import CompletionRequest, Sampling
from mmcore.host.openvino.engine import OpenVinoEngine
from mmcore.types import Usage


@dataclass(frozen=True)
class Said:
    text: str
    finish_reason: str | None
    usage: Usage
    logprobs: tuple[float, ...]


async def ask(
    engine: OpenVinoEngine,
    prompt: str,
    max_tokens: int = 24,
    *,
    heal: bool = False,
    logprobs: bool = False,
    temperature: float = 0.0,
    seed: int | None = None,
    stop: tuple[str, ...] = (),
    workspace: str = "",
) -> Said:
    sampling = Sampling(max_tokens, temperature, seed=seed, stop=stop)
    request = CompletionRequest("tiny", prompt, sampling, logprobs, heal, workspace)
    chunks = [chunk async for chunk in engine.complete(request)]
    usage = chunks[-1].usage
    assert usage is not None
    numbers = tuple(number for chunk in chunks for number in chunk.logprobs)
    return Said("".join(chunk.text for chunk in chunks), chunks[-1].finish_reason, usage, numbers)
