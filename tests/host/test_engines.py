"""Which engine carries which weights."""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path

import pytest

from mmcore.config import HostSettings, Settings
from mmcore.engine.base import CompletionRequest, LocalEngine, Sampling
from mmcore.errors import SettingError
from mmcore.host.engines import choose
from mmcore.host.llama import LlamaEngine
from mmcore.host.openvino.decoder import Decoder
from mmcore.host.openvino.engine import OpenVinoEngine
from tests.host.openvino.tiny import write_tiny_model

SETTINGS = Settings(host=HostSettings(context_tokens=256, threads=1, cache_mib=1))
ENTRY = '[[model]]\nname = "tiny"\nroles = ["completion"]\nprompt_format = "qwen2.5-coder"\npath = "{}"\n'


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A GGUF file that the catalog knows."""
    monkeypatch.setenv("SIDESIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SIDESIGHT_CONFIG", str(tmp_path / "config.toml"))
    path = write_tiny_model(tmp_path / "tiny.gguf").path
    (tmp_path / "models.toml").write_text(ENTRY.format(path.as_posix()), "utf-8")
    return path


async def answers(engine: LocalEngine) -> bool:
    request = CompletionRequest("tiny", "def one", Sampling(max_tokens=2))
    try:
        return [chunk async for chunk in engine.complete(request)][-1].finish_reason is not None
    finally:
        await engine.close()


async def test_a_qwen2_file_is_openvinos(tiny: Path) -> None:
    engine = choose(SETTINGS).load("tiny", lambda share: None)
    assert isinstance(engine, OpenVinoEngine)
    assert await answers(engine)


async def test_on_another_processor_it_is_llama_cpps(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    engine = choose(SETTINGS).load("tiny", lambda share: None)
    assert isinstance(engine, LlamaEngine)
    assert await answers(engine)


async def test_where_openvino_cannot_compute_it_is_llama_cpps(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def step(*_: object) -> None:
        raise RuntimeError("Exception from graph.cpp:1628:\nno kernel for this processor\n\n")

    monkeypatch.setattr(Decoder, "step", step)
    with caplog.at_level("INFO"):
        engine = choose(SETTINGS).load("tiny", lambda share: None)
    assert isinstance(engine, LlamaEngine)
    assert await answers(engine)
    assert "no kernel for this processor" in caplog.text


def test_a_file_needs_room_for_its_repacked_weights(tiny: Path) -> None:
    assert choose(SETTINGS).needs("tiny") == 2 * tiny.stat().st_size


def test_an_engine_that_there_is_not_is_refused() -> None:
    with pytest.raises(SettingError, match="auto or scripted"):
        choose(replace(SETTINGS, host=HostSettings(engine="vulkan")))
