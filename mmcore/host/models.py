"""Models in memory: loaded when first asked for, unloaded when nobody has asked for a while."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

import psutil

from mmcore.engine.base import Figures, LocalEngine
from mmcore.errors import EngineUnavailable, UnknownModel
from mmcore.host.admission import Admission
from mmcore.host.engines import Choice
from mmcore.host.metrics import Metrics

log = logging.getLogger(__name__)

Kind = Literal["completion", "chat"]
State = Literal["absent", "loading", "ready"]


@dataclass(eq=False)
class Resident:
    """A model in memory.

    `admitted` says how many requests of a kind it works on; the others wait, workspaces in turn. A quarter of its slots
    is for chats, which are long and pay for it with their context, half for completions; the rest holds prompts that
    will be continued.
    """

    engine: LocalEngine
    admitted: Mapping[Kind, Admission]
    figures: Figures = field(default_factory=Figures)

    @classmethod
    def of(cls, engine: LocalEngine) -> Resident:
        shares: dict[Kind, int] = {"completion": engine.slots // 2, "chat": engine.slots // 4}
        return cls(engine, {kind: Admission(max(1, share)) for kind, share in shares.items()})


@dataclass(eq=False)
class _Held:
    """A model in memory or on its way there, and who uses it."""

    loading: asyncio.Task[None] | None = None
    resident: Resident | None = None
    began: float = field(default_factory=time.monotonic)
    progress: float = 0.0
    used: float = field(default_factory=time.monotonic)
    leases: int = 0


class Models:
    """Those of a `Choice`; each is loaded in a thread, once however many ask."""

    def __init__(self, choice: Choice, metrics: Metrics) -> None:
        self.names = choice.names
        self._choice = choice
        self._metrics = metrics
        self._held: dict[str, _Held] = {}

    @asynccontextmanager
    async def lease(self, name: str) -> AsyncIterator[Resident]:
        """A model, which stays loaded while it is leased.

        Raises UnknownModel, WeightsMissing and EngineUnavailable. Who gives up waiting does not stop the loading.
        """
        if name not in self.names:
            raise UnknownModel(f"there is no model {name}; `sidesight models list` shows those that there are")
        held = self._held.get(name)
        if held is not None and held.resident is not None and not held.resident.engine.alive():
            log.warning("%s died; it is loaded again", name)
            await self._unload(name)
            held = self._held.get(name)
        if held is None:
            held = self._held[name] = _Held()
            held.loading = asyncio.create_task(self._bring(name, held))
        held.leases += 1
        try:
            if held.loading is not None:
                await asyncio.shield(held.loading)
            assert held.resident is not None
            yield held.resident
        finally:
            held.leases -= 1
            held.used = time.monotonic()

    def state(self, name: str) -> tuple[State, float]:
        """And the share of its loading that is done, as far as its engine tells."""
        held = self._held.get(name)
        if held is None:
            return "absent", 0.0
        return ("loading", held.progress) if held.resident is None else ("ready", 1.0)

    def ready(self) -> dict[str, Resident]:
        return {name: held.resident for name, held in self._held.items() if held.resident is not None}

    async def unload_idle(self, idle_s: float) -> None:
        since = time.monotonic() - idle_s
        for name in list(self.ready()):
            if not self._held[name].leases and self._held[name].used <= since:
                await self._unload(name)

    async def close(self) -> None:
        """Unload all. One that is still loading ends with the process."""
        for name in list(self.ready()):
            await self._unload(name)

    async def _bring(self, name: str, held: _Held) -> None:
        def tell(share: float) -> None:
            held.progress = share

        try:
            await self._make_room(name)
            engine = await asyncio.to_thread(self._choice.load, name, tell)
        except BaseException:
            # The next request tries again: by then the weights may have been pulled.
            del self._held[name]
            raise
        held.resident = Resident.of(engine)
        self._metrics.loads.labels(name).inc()
        self._metrics.models_loaded.inc()
        log.info("loaded %s in %.1f s", name, time.monotonic() - held.began)

    async def _make_room(self, name: str) -> None:
        """Unload what nobody uses, the longest unused first, while the memory that a model needs is not free."""
        needed = await asyncio.to_thread(self._choice.needs, name)
        while psutil.virtual_memory().available < needed:
            idle = [other for other in self.ready() if not self._held[other].leases]
            if not idle:
                free = psutil.virtual_memory().available
                raise EngineUnavailable(
                    f"{name} needs {needed / 1e9:.1f} GB of memory and {free / 1e9:.1f} GB are free; "
                    "close something or choose a smaller model"
                )
            await self._unload(min(idle, key=lambda other: self._held[other].used))

    async def _unload(self, name: str) -> None:
        held = self._held.pop(name)
        assert held.resident is not None
        await held.resident.engine.close()
        del held
        # An engine frees its memory when the last reference to it goes, and some are in cycles.
        gc.collect()
        self._metrics.models_loaded.dec()
        log.info("unloaded %s", name)
