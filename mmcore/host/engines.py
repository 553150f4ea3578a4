"""Which engine carries a model: the one place where that is decided."""

from __future__ import annotations

import importlib.util
import logging
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mmcore.config import Settings
from mmcore.engine.base import LocalEngine
from mmcore.engine.scripted import ScriptedEngine
from mmcore.errors import EngineRejected, EngineUnavailable, SettingError
from mmcore.host.weights.catalog import catalog, find
from mmcore.host.weights.pull import locate

OnProgress = Callable[[float], None]

# Where OpenVINO's integer kernels and its paged attention are made for; the names that systems give to it.
X86 = ("x86_64", "amd64")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """What the host can serve: the models that a request may name, and how one of them comes into memory.

    `load` blocks for seconds, tells the share of it that is done where it knows, and raises WeightsError and
    EngineError. `needs` is about how many bytes of memory a model takes, and raises WeightsError.
    """

    names: tuple[str, ...]
    load: Callable[[str, OnProgress], LocalEngine]
    needs: Callable[[str], int]


def choose(settings: Settings) -> Choice:
    """By the setting `host.engine`. Raises SettingError."""
    known = tuple(catalog())
    if settings.host.engine == "scripted":
        # It answers to all names that there are, and to its own.
        context_tokens = settings.host.context_tokens
        return Choice(
            (*known, "scripted"),
            lambda name, on_progress: ScriptedEngine(models=(name,), context_tokens=context_tokens),
            lambda name: 0,
        )
    if settings.host.engine != "auto":
        raise SettingError(f"host.engine is {settings.host.engine!r}; it must be auto or scripted")
    return Choice(
        known, lambda name, on_progress: _load(name, settings, on_progress), lambda name: _needs(name, settings)
    )


def _needs(name: str, settings: Settings) -> int:
    """A GGUF file's weights are repacked by either engine; with the cache that is twice the file (bench/results).

    What OpenVINO's engine maps besides is not counted: the system takes it back where it must.
    """
    model = find(name)
    path = locate(model, settings)
    if path.is_file():
        projector = Path(model.projector).expanduser()
        eyes = projector.stat().st_size if model.projector and projector.is_file() else 0
        return 2 * path.stat().st_size + eyes
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def _load(name: str, settings: Settings, on_progress: OnProgress) -> LocalEngine:
    model = find(name)
    path = locate(model, settings)
    # Imported when needed: one engine's libraries do not burden a host that uses another's.
    if path.is_dir():
        return _from_directory(name, path, settings)
    if model.projector:
        return _with_eyes(name, path, Path(model.projector).expanduser(), settings)
    return _from_gguf(name, path, settings, on_progress)


def _with_eyes(name: str, path: Path, projector: Path, settings: Settings) -> LocalEngine:
    from mmcore.host.llama import LlamaEngine

    if not projector.is_file():
        raise EngineUnavailable(f"{projector}, the projector of {name}, does not exist: mend it in models.toml")
    return LlamaEngine(name, path, settings.host, projector)


def _from_gguf(name: str, path: Path, settings: Settings, on_progress: OnProgress) -> LocalEngine:
    """On OpenVINO where it can be, which reads prompts several times faster (bench/engines.py); else on llama.cpp,
    which loads every architecture that there is a GGUF file of, and has kernels for every processor."""
    if platform.machine().lower() in X86 and importlib.util.find_spec("openvino") is not None:
        from mmcore.host.openvino.engine import OpenVinoEngine

        try:
            return OpenVinoEngine(name, path, settings.host, on_progress)
        except EngineRejected as error:
            log.info("%s: %s; llama.cpp takes it", name, error)
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
