"""Which engine carries a model: the one place where that is decided."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mmcore.config import Settings
from mmcore.engine.base import LocalEngine
from mmcore.engine.scripted import ScriptedEngine
from mmcore.errors import EngineUnavailable, SettingError
from mmcore.host.weights.catalog import catalog, find
from mmcore.host.weights.pull import locate

Loader = Callable[[str], LocalEngine]


def choose(settings: Settings) -> tuple[tuple[str, ...], Loader]:
    """The models that a request may name, and what loads one of them by that name.

    Loading blocks for seconds and raises WeightsError and EngineError. The scripted engine answers to all names that
    there are, and to its own. Raises SettingError.
    """
    known = tuple(catalog())
    if settings.host.engine == "scripted":
        context_tokens = settings.host.context_tokens
        return (*known, "scripted"), lambda name: ScriptedEngine(models=(name,), context_tokens=context_tokens)
    if settings.host.engine != "auto":
        raise SettingError(f"host.engine is {settings.host.engine!r}; it must be auto or scripted")
    return known, lambda name: _load(name, settings)


def _load(name: str, settings: Settings) -> LocalEngine:
    path = locate(find(name), settings)
    # Imported when needed: one engine's libraries do not burden a host that uses another's.
    if path.is_dir():
        return _from_directory(name, path, settings)
    from mmcore.host.llama import LlamaEngine

    return LlamaEngine(name, path, settings.host)


def _from_directory(name: str, path: Path, settings: Settings) -> LocalEngine:
    try:
        from mmcore.host.transformers.engine import TransformersEngine
    except ModuleNotFoundError as error:
        raise EngineUnavailable(
            f"{name} is a directory of safetensors, which needs {error.name}: pip install 'sidesight[gpu]'"
        ) from None
    return TransformersEngine(name, path, settings.host)
