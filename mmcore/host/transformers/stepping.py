"""Generate a token at a time, in a thread of its own: any model, with pictures or without, on any device."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch

from mmcore.engine.base import Figures, Sampling
from mmcore.engine.turn import Turn
from mmcore.errors import EngineUnavailable
from mmcore.host.transformers.captured import CapturedDecoder
from mmcore.host.transformers.draw import Draw
from mmcore.host.transformers.kept import Kept, Run
from mmcore.host.transformers.loading import Loaded, release
from mmcore.host.transformers.prompts import Prompt

# Sequences advanced in turn: more would only make each of them slower.
SLOTS = 4
# Tokens of a prompt between two looks at whether it is still wanted: well under a second of work.
CHUNK_TOKENS = {"cpu": 256}
CHUNK_TOKENS_ACCELERATED = 4096


@dataclass(frozen=True, slots=True)
class Token:
    """`cached_tokens` of the prompt were not computed for this request."""

    identity: int
    logprob: float
    cached_tokens: int


class StepDecoder:
    """One forward pass a step and one request a pass; those that run at once, `busy` many, take turns."""

    slots = SLOTS

    def __init__(self, loaded: Loaded, cache_mib: int, captured: bool | None = None) -> None:
        """`captured`: whether to decode by a captured pass; None for wherever there are graphs."""
        self._model: Any = loaded.model
        self._device = loaded.device
        # cuDNN's attention makes a plan for every length, in tens of milliseconds, and here each token has another.
        torch.backends.cuda.enable_cudnn_sdp(False)
        self._chunk = CHUNK_TOKENS.get(self._device.type, CHUNK_TOKENS_ACCELERATED)
        self._kept = Kept(loaded.model.config, cache_mib << 20)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="transformers")
        # Families with positions in space keep the distance to the token count on the model itself, from one forward
        # pass to the next; with several requests under way each must find its own.
        self._offset = [module for module in loaded.model.modules() if hasattr(module, "rope_deltas")]
        self._last_only = (
            {"logits_to_keep": 1} if "logits_to_keep" in inspect.signature(self._model.forward).parameters else {}
        )
        captured = self._device.type == "cuda" if captured is None else captured
        self._captured = CapturedDecoder(loaded.model, self._offset) if captured else None
        self._closed = False
        self.busy = 0
        self.surplus = 0

    async def generate(
        self, prompt: Prompt, sampling: Sampling, logprobs: bool, turn: Turn
    ) -> AsyncGenerator[Token, None]:
        """Tokens without end; close it where the text ends. Raises EngineUnavailable."""
        loop = asyncio.get_running_loop()
        draw = Draw(sampling, self._device)
        self.busy += 1
        try:
            run = await loop.run_in_executor(self._worker, self._kept.take, prompt)
            cached = run.computed
            try:
                while True:
                    await turn.wait()
                    if self._closed:
                        raise EngineUnavailable("the model is being unloaded; ask again")
                    drawn = await loop.run_in_executor(self._worker, self._step, run, draw, logprobs)
                    if drawn is not None:
                        yield Token(*drawn, cached)
            finally:
                run.closed = True
                if not self._closed:
                    # Behind the step that may still be under way, in the same thread.
                    self._worker.submit(self._keep, run)
        finally:
            self.busy -= 1

    def figures(self) -> Figures:
        return Figures(self.surplus, *self._kept.figures())

    async def close(self) -> None:
        self._closed = True
        await asyncio.to_thread(self._worker.shutdown)
        self._kept.clear()
        del self._model, self._offset, self._captured

    def _step(self, run: Run, draw: Draw, logprobs: bool) -> tuple[int, float] | None:
        """Compute the next part of the prompt, or the next token; None while the prompt is not through."""
        if run.closed:
            return None
        if self._captured is not None and self._captured.holds(run):
            logits = self._captured.step(run.ids[-1])
        else:
            logits = self._compute(run)
            if run.computed < len(run.ids):
                return None
            # Not before the first token is out: to capture takes as long as several.
            if self._captured is not None and len(run.ids) > len(run.prompt.ids):
                self._captured.adopt(run, logits)
        token, logprob = draw(logits, logprobs)
        run.ids.append(token)
        self.surplus += run.closed
        return token, logprob

    def _keep(self, run: Run) -> None:
        if self._captured is not None:
            self._captured.release(run)
        self._kept.put(run)

    def _compute(self, run: Run) -> torch.Tensor:
        """The next part of the prompt, or the last token; logits after it, of shape [vocabulary]."""
        start = run.computed
        # Pictures are computed with all of the prompt up to the last of them.
        end = min(max(start + self._chunk, run.prompt.pictured), len(run.ids))
        inputs: dict[str, Any] = {"input_ids": torch.tensor([run.ids[start:end]])}
        if start < run.prompt.pictured:
            inputs |= run.prompt.pixels | {name: mark[:, start:end] for name, mark in run.prompt.marks.items()}
        for module, offset in zip(self._offset, run.offsets or [None] * len(self._offset), strict=True):
            module.rope_deltas = offset
        try:
            logits = self._forward(inputs, run.cache)
        except torch.OutOfMemoryError:
            self._kept.clear()
            release()
            raise EngineUnavailable("the device has no memory left; ask again, or lower host.context_tokens") from None
        run.offsets = [module.rope_deltas for module in self._offset]
        return logits

    def _forward(self, inputs: dict[str, Any], cache: Any) -> torch.Tensor:
        """Logits of the last token, of shape [vocabulary]."""
        for name, value in inputs.items():
            kind = self._model.dtype if isinstance(value, torch.Tensor) and value.is_floating_point() else None
            inputs[name] = value.to(self._device, kind) if isinstance(value, torch.Tensor) else value
        with torch.inference_mode():
            outputs = self._model(**inputs, past_key_values=cache, use_cache=True, **self._last_only)
        last: torch.Tensor = outputs.logits[0, -1]
        return last
