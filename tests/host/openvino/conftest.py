"""A tiny model, and the engine that holds it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from mmcore.config import HostSettings
from mmcore.host.openvino import decoder, worker
from mmcore.host.openvino.engine import OpenVinoEngine
from mmcore.host.openvino.runtime import ov
from tests.host.openvino.tiny import TinyModel, write_tiny_model


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> TinyModel:
    return write_tiny_model(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIDESIGHT_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture(autouse=True)
def cheap_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """How much is guessed must not depend on how busy the machine is."""
    monkeypatch.setattr(worker, "DEAR", float("inf"))


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attention in float32: random weights have near ties, which in bfloat16 fall as the batch's size will have it."""
    monkeypatch.setattr(decoder, "_precision", lambda core: (ov.Type.f32, np.float32))


@pytest.fixture
async def tiny(tiny_model: TinyModel, own_cache: Path, exact: None) -> AsyncIterator[OpenVinoEngine]:
    engine = OpenVinoEngine("tiny", tiny_model.path, HostSettings(cache_mib=8))
    yield engine
    await engine.close()
