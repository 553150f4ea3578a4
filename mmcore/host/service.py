"""The host's core: an `Engine` of many models, which shares them fairly and counts."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from mmcore.engine.base import ChatRequest, CompletionRequest
from mmcore.engine.turn import Turn
from mmcore.errors import SidesightError
from mmcore.host.metrics import Metrics
from mmcore.host.models import Kind, Models, Resident
from mmcore.host.scheduler import ChatTurn, Scheduler
from mmcore.types import Chunk, Usage


class Service:
    def __init__(self, models: Models, metrics: Metrics) -> None:
        self.held = models
        self.metrics = metrics
        self.active = 0
        self.last_request = time.monotonic()
        self._scheduler = Scheduler(on_preemption=metrics.preemptions.inc)

    def complete(self, request: CompletionRequest) -> AsyncGenerator[Chunk, None]:
        return self._generate("completion", request)

    def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        return self._generate("chat", request)

    async def models(self) -> tuple[str, ...]:
        return self.held.names

    async def close(self) -> None:
        await self.held.close()

    async def count(self) -> bytes:
        """All metrics, in Prometheus' text format."""
        self.metrics.forget_caches()
        for name, resident in self.held.ready().items():
            if not resident.engine.alive():
                continue
            figures = await resident.engine.figures()
            self.metrics.take(name, figures, resident.figures)
            resident.figures = figures
        return self.metrics.render()

    async def _generate(self, kind: Kind, request: CompletionRequest | ChatRequest) -> AsyncGenerator[Chunk, None]:
        began = time.monotonic()
        delivered = 0
        usage = Usage()
        outcome = "closed"
        self.active += 1
        try:
            lease = self.held.lease(request.model)
            async with lease as resident, self._admitted(kind, resident, request.workspace) as turn:
                if isinstance(request, CompletionRequest):
                    stream = resident.engine.complete(request, turn)
                else:
                    stream = resident.engine.chat(request, turn)
                async with aclosing(stream) as chunks:
                    async for chunk in chunks:
                        if not delivered:
                            self.metrics.first_token_seconds.labels(kind).observe(time.monotonic() - began)
                        delivered += 1
                        if isinstance(turn, ChatTurn):
                            turn.spend()
                        usage = chunk.usage or usage
                        yield chunk
            outcome = "done"
        except SidesightError:
            outcome = "failed"
            raise
        finally:
            self.active -= 1
            self.last_request = time.monotonic()
            self._account(kind, request.model, outcome, usage, delivered)

    @asynccontextmanager
    async def _admitted(self, kind: Kind, resident: Resident, workspace: str) -> AsyncIterator[Turn]:
        waiting, running = self.metrics.waiting.labels(kind), self.metrics.running.labels(kind)
        with waiting.track_inprogress():
            await resident.admitted[kind].acquire(workspace)
        try:
            take = self._scheduler.completion if kind == "completion" else self._scheduler.chat
            async with take() as turn:
                with running.track_inprogress():
                    yield turn
        finally:
            resident.admitted[kind].release()

    def _account(self, kind: Kind, model: str, outcome: str, usage: Usage, delivered: int) -> None:
        if model not in self.held.names:
            model = "unknown"
        self.metrics.requests.labels(kind, model, outcome).inc()
        self.metrics.prompt_tokens.labels(model).inc(usage.prompt_tokens)
        self.metrics.cached_tokens.labels(model).inc(usage.cached_tokens)
        # A request that was closed while its prompt was read has no usage; its chunks were about its tokens.
        self.metrics.generated_tokens.labels(model).inc(usage.completion_tokens or delivered)
