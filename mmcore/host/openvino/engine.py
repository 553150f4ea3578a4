"""A Qwen2 GGUF model on OpenVINO: integer kernels for its weights, one batch for all of its requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path

from mmcore.config import HostSettings
from mmcore.engine.base import ChatRequest, CompletionRequest, Figures
from mmcore.engine.turn import Paused, Turn
from mmcore.errors import EngineError, EngineRejected
from mmcore.host.openvino.chat import ChatTemplate
from mmcore.host.openvino.converted import convert
from mmcore.host.openvino.decoder import Decoder
from mmcore.host.openvino.generation import Generation, Prompt, heal
from mmcore.host.openvino.tokens import Vocabulary
from mmcore.host.openvino.worker import Worker
from mmcore.types import Chunk

# Requests advanced at once: a batch's step takes hardly longer than one's, but each needs room in the cache.
SLOTS = 8


class OpenVinoEngine:
    """One model, loaded while it is constructed (seconds, half a minute the first time: call it in a thread)."""

    slots = SLOTS

    def __init__(
        self, name: str, path: Path, settings: HostSettings, on_progress: Callable[[float], None] = lambda share: None
    ) -> None:
        """`on_progress` is told which share of the first conversion is done. Raises EngineRejected for a file that is
        not of an architecture that we build and where OpenVINO cannot compute it, EngineUnavailable where the
        converted form cannot be kept."""
        self._name = name
        converted = convert(path, on_progress)
        self._vocabulary = Vocabulary(converted.tokenizer)
        self._template = ChatTemplate(converted.chat_template, self._vocabulary)
        self._context_tokens = min(settings.context_tokens, converted.architecture.context_tokens)
        room = settings.cache_mib << 20, 2 * self._context_tokens
        try:
            self._worker = Worker(lambda: Decoder(converted.architecture, converted, settings.threads, *room), name)
        except RuntimeError as error:
            # Its kernels want AVX2, and memory; the last line of what it says tells which.
            reason = str(error).strip().rpartition("\n")[2]
            raise EngineRejected(f"OpenVINO cannot compute {name} here ({reason})") from error

    async def complete(self, request: CompletionRequest, turn: Turn | None = None) -> AsyncGenerator[Chunk, None]:
        tokens = self._vocabulary.encode(request.prompt)
        prompt = heal(tokens, self._vocabulary) if request.heal else Prompt(tuple(tokens), b"", len(tokens))
        async with aclosing(self._generate(prompt, request, request.logprobs, turn or Turn())) as chunks:
            async for chunk in chunks:
                yield chunk

    async def chat(self, request: ChatRequest, turn: Turn | None = None) -> AsyncGenerator[Chunk, None]:
        if any(message.images for message in request.messages):
            raise EngineRejected(f"{self._name} reads no pictures; choose a model with the role vision")
        tokens = self._template.tokens(request.messages)
        prompt = Prompt(tuple(tokens), b"", len(tokens))
        async with aclosing(self._generate(prompt, request, False, turn or Turn())) as chunks:
            async for chunk in chunks:
                yield chunk

    async def models(self) -> tuple[str, ...]:
        return (self._name,)

    def alive(self) -> bool:
        return self._worker.alive()

    async def figures(self) -> Figures:
        return self._worker.figures()

    async def close(self) -> None:
        await asyncio.to_thread(self._worker.close)

    async def _generate(
        self, prompt: Prompt, request: CompletionRequest | ChatRequest, logprobs: bool, turn: Turn
    ) -> AsyncGenerator[Chunk, None]:
        if not prompt.tokens or prompt.count > self._context_tokens:
            raise EngineRejected(
                f"the prompt has {prompt.count} tokens, {self._name} was loaded for {self._context_tokens}; "
                "shorten it or raise host.context_tokens"
                if prompt.tokens
                else "the prompt is empty; send at least a token"
            )
        events: asyncio.Queue[Chunk | EngineError] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def deliver(event: Chunk | EngineError) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(events.put_nowait, event)

        known = self._vocabulary, self._context_tokens
        shortest = self._worker.shortest
        generation = Generation(prompt, request.sampling, logprobs, *known, deliver, request.workspace, shortest)
        generation.paused = turn.paused
        self._worker.submit(generation)
        try:
            while True:
                try:
                    async with turn.slice():
                        event = await events.get()
                except Paused:
                    self._worker.pause(generation, True)
                    await turn.wait()
                    self._worker.pause(generation, False)
                    continue
                if isinstance(event, EngineError):
                    raise event
                yield event
                if event.finish_reason:
                    return
        finally:
            self._worker.leave(generation)
