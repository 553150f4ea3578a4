"""A directory of safetensors on transformers, as an engine of the host."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import torch

from mmcore.config import HostSettings
from mmcore.engine.base import ChatRequest, CompletionRequest, Figures, Sampling
from mmcore.engine.turn import Turn
from mmcore.errors import EngineRejected
from mmcore.host.transformers.loading import load, release
from mmcore.host.transformers.paged import PagedDecoder
from mmcore.host.transformers.prompts import Prompt, Prompts
from mmcore.host.transformers.speech import Speech
from mmcore.host.transformers.stepping import StepDecoder
from mmcore.types import Chunk, Usage


class TransformersEngine:
    """One model, loaded while it is constructed (seconds: call it in a thread). A `LocalEngine`.

    A request alone is generated step by step, which is quickest for one; those that come meanwhile go in batches where
    the device gains by that, unless they do not fit into them.
    """

    def __init__(self, name: str, path: Path, settings: HostSettings) -> None:
        if not torch.accelerator.is_available():
            torch.set_num_threads(settings.threads or os.cpu_count() or 1)
        self._name = name
        loaded = load(path, settings.context_tokens)
        self._loaded = loaded
        self._prompts = Prompts(name, loaded, settings.image_pixels)
        # Preparing a picture takes as long as several tokens; those who generate do not wait for it.
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="prompts")
        self._stepping = StepDecoder(loaded, settings.cache_mib)
        self._paged = PagedDecoder(loaded) if PagedDecoder.suits(loaded) else None
        self.slots = self._paged.slots if self._paged else self._stepping.slots

    def complete(self, request: CompletionRequest, turn: Turn | None = None) -> AsyncGenerator[Chunk, None]:
        def prepare() -> Prompt:
            return self._prompts.completion(request.prompt)

        return self._generate(prepare, request.sampling, request.logprobs, turn or Turn(), request.workspace)

    def chat(self, request: ChatRequest, turn: Turn | None = None) -> AsyncGenerator[Chunk, None]:
        def prepare() -> Prompt:
            return self._prompts.chat(request.messages)

        return self._generate(prepare, request.sampling, False, turn or Turn(), request.workspace)

    async def models(self) -> tuple[str, ...]:
        return (self._name,)

    def alive(self) -> bool:
        return self._paged is None or self._paged.alive()

    async def figures(self) -> Figures:
        """The cache is that of the steps; batches have their own, of which transformers tells nothing."""
        figures = self._stepping.figures()
        return replace(figures, surplus=figures.surplus + self._paged.surplus) if self._paged else figures

    async def close(self) -> None:
        await asyncio.to_thread(self._reading.shutdown)
        await self._stepping.close()
        if self._paged is not None:
            await self._paged.close()
        del self._loaded, self._prompts, self._stepping, self._paged
        await asyncio.to_thread(release)

    async def _generate(
        self, prepare: Callable[[], Prompt], sampling: Sampling, logprobs: bool, turn: Turn, workspace: str
    ) -> AsyncGenerator[Chunk, None]:
        prompt = await asyncio.get_running_loop().run_in_executor(self._reading, prepare)
        prompt = replace(prompt, workspace=workspace)
        if len(prompt.ids) >= self._loaded.context_tokens:
            raise EngineRejected(
                f"the prompt has {len(prompt.ids)} tokens, {self._name} was loaded for {self._loaded.context_tokens}; "
                "shorten it or raise host.context_tokens"
            )
        most = min(sampling.max_tokens, self._loaded.context_tokens - len(prompt.ids))
        speech = Speech(self._loaded.vocabulary, prompt.ids, sampling.stop)
        in_batch = self._stepping.busy > 0 and PagedDecoder.takes(prompt, sampling)
        decoder = self._paged if self._paged is not None and in_batch else self._stepping
        count, cached, ended = 0, 0, False
        untold: list[float] = []
        async with aclosing(decoder.generate(prompt, sampling, logprobs, turn)) as tokens:
            async for token in tokens:
                count += 1
                cached = token.cached_tokens
                ended = token.identity in self._loaded.ends
                if ended:
                    break
                untold.append(token.logprob)
                text = speech.hear(token.identity)
                ended = speech.stopped
                if text:
                    yield Chunk(text, logprobs=tuple(untold) if logprobs else ())
                    untold.clear()
                if ended or count >= most:
                    break
        rest = "" if speech.stopped else speech.rest()
        usage = Usage(len(prompt.ids), cached, count)
        yield Chunk(rest, "stop" if ended else "length", usage, tuple(untold) if logprobs else ())
