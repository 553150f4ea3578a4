"""Which engine carries a model: the one place where that is decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from mmcore.config import Settings
from mmcore.engine.base import LocalEngine
from mmcore.engine.scripted import ScriptedEngine
from mmcore.host.weights.catalog import catalog, find
from mmcore.host.weights.pull import locate

Kind = Literal["auto", "scripted"]
Loader = Callable[[str], LocalEngine]


def names(kind: Kind) -> tuple[str, ...]:
    """Models that a request may carry; `scripted` answers to all of them and to its own."""
    known = tuple(catalog())
    return (*known, "scripted") if kind == "scripted" else known


def loader(kind: Kind, settings: Settings) -> Loader:
    """What loads a model by its name. It blocks for seconds and raises WeightsError and EngineError."""
    if kind == "scripted":
        return lambda name: ScriptedEngine(models=(name,), context_tokens=settings.host.context_tokens)
    return lambda name: _load(name, settings)


def _load(name: str, settings: Settings) -> LocalEngine:
    path = locate(find(name), settings)
    # Imported when needed: one engine's libraries do not burden a host that uses another's.
    from mmcore.host.llama import LlamaEngine

    return LlamaEngine(name, path, settings.host)
