"""Generate for many requests at once, by the continuous batching of transformers, where keys and values are in pages.

Greedy and text only: its logits processors sort the vocabulary for every token of every request, its seed is one for
all, and its prompts are token ids. What it cannot do is `stepping`'s.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator
from typing import Any

from transformers import GenerationConfig
from transformers.generation import ContinuousBatchingConfig

from mmcore.engine.base import Sampling
from mmcore.engine.turn import Paused, Turn
from mmcore.errors import EngineUnavailable
from mmcore.host.transformers.loading import Loaded
from mmcore.host.transformers.prompts import Prompt
from mmcore.host.transformers.stepping import Token

SLOTS = 32
PAGE_TOKENS = 256
# Memory for keys and values, in full contexts: what is not in use holds prompts that will be continued. Left to itself
# it would take nine tenths of what is free, on a device that others use too.
CONTEXTS = 8


class PagedDecoder:
    """A thread that computes one batch after another for as long as there are requests."""

    slots = SLOTS

    def __init__(self, loaded: Loaded, page_tokens: int = PAGE_TOKENS) -> None:
        self._model: Any = loaded.model
        self._ends = sorted(loaded.ends)
        self._manager = self._model.init_continuous_batching(
            generation_config=GenerationConfig(do_sample=False, eos_token_id=self._ends),
            continuous_batching_config=ContinuousBatchingConfig(
                page_size=page_tokens,
                num_blocks=-(-CONTEXTS * loaded.context_tokens // page_tokens),
                max_requests_per_batch=SLOTS,
                # A forward pass of a prompt makes those wait who generate.
                max_batch_tokens=4096,
                return_logprobs=True,
            ),
        )
        if loaded.device.type == "cuda":
            # Captures the graphs; afterwards the first request is as quick as the others.
            self._manager.warmup()
        self._manager.start()
        self._numbers = itertools.count()
        self.surplus = 0

    @staticmethod
    def suits(loaded: Loaded) -> bool:
        """Its memory is taken at once and for many; on a CPU, where few ask, that is not worth it."""
        return loaded.device.type == "cuda" and loaded.processor is None

    @staticmethod
    def takes(prompt: Prompt, sampling: Sampling) -> bool:
        return not prompt.pictures and sampling.temperature == 0

    def alive(self) -> bool:
        return bool(self._manager.is_running())

    async def generate(
        self, prompt: Prompt, sampling: Sampling, logprobs: bool, turn: Turn
    ) -> AsyncGenerator[Token, None]:
        """Tokens up to the limit or to one that ends the text, that one included. Raises EngineUnavailable."""
        said: list[int] = []
        while len(said) < sampling.max_tokens:
            await turn.wait()
            # What was said before a pause is part of the prompt now, and its pages are still there.
            pass_ = self._pass([*prompt.ids, *said], sampling.max_tokens - len(said), turn)
            try:
                async for token in pass_:
                    said.append(token.identity)
                    yield token
                return
            except Paused:
                continue
            finally:
                await pass_.aclose()

    async def close(self) -> None:
        await asyncio.to_thread(self._manager.stop, timeout=10, hard_stop=True)
        await asyncio.to_thread(self._manager.destroy)
        del self._manager, self._model

    async def _pass(self, ids: list[int], most: int, turn: Turn) -> AsyncGenerator[Token, None]:
        name = f"request-{next(self._numbers)}"
        results: asyncio.Queue[Any] = asyncio.Queue()
        wanted = True

        def take(result: Any) -> None:
            self.surplus += not wanted
            results.put_nowait(result)

        self._manager.register_result_handler(name, take)
        self._manager.add_request(ids, request_id=name, max_new_tokens=most, streaming=True, eos_token_id=self._ends)
        finished = False
        count = 0
        try:
            while not finished:
                async with turn.slice():
                    result = await results.get()
                if result.error is not None:
                    raise EngineUnavailable(
                        f"the batch failed ({' '.join(str(result.error).split())[:200]}); ask again"
                    )
                finished = result.is_finished()
                for token, logprob in zip(result.generated_tokens[count:], result.logprobs[count:], strict=True):
                    count += 1
                    # Transformers does not tell how much of the prompt it had in its pages.
                    yield Token(token, logprob, 0)
        finally:
            wanted = False
            if not finished:
                self._manager.cancel_request(name)
                # It takes a handler away only after the last result, which a cancelled request does not have.
                self._manager.output_router.result_handlers.pop(name, None)
