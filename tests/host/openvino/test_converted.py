"""The converted form is whole or not there, and that of a file that changed is made anew."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mmcore.errors import EngineRejected
from mmcore.host.openvino import converted
from mmcore.host.openvino.converted import convert
from tests.host.openvino.tiny import TinyModel, write_tiny_model


def test_a_second_start_converts_nothing(tiny_model: TinyModel) -> None:
    shares: list[float] = []
    convert(tiny_model.path, shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    told = len(shares)
    convert(tiny_model.path, shares.append)
    assert len(shares) == told


def test_an_interrupted_conversion_leaves_nothing_that_looks_whole(tiny_model: TinyModel) -> None:
    def interrupt(share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(tiny_model.path, interrupt)
    assert convert(tiny_model.path).vector("output_norm").shape == (256,)


def test_a_changed_file_replaces_what_was_made_of_it(tmp_path: Path, own_cache: Path) -> None:
    path = tmp_path / "model.gguf"
    write_tiny_model(path, seed=1)
    old = convert(path)
    write_tiny_model(path, seed=2)
    new = convert(path)
    assert (old.folder.exists(), new.folder.exists()) == (False, True)


def test_a_new_format_replaces_the_old(tiny_model: TinyModel, monkeypatch: pytest.MonkeyPatch) -> None:
    old = convert(tiny_model.path)
    monkeypatch.setattr(converted, "FORMAT", converted.FORMAT + 1)
    convert(tiny_model.path)
    assert not old.folder.exists()


def test_another_architecture_is_refused(tiny_model: TinyModel, tmp_path: Path) -> None:
    path = tmp_path / "other.gguf"
    shutil.copy(tiny_model.path, path)
    path.write_bytes(path.read_bytes().replace(b"qwen2.block_count", b"qwen7.block_count"))
    with pytest.raises(EngineRejected, match=r"does not state qwen2\.block_count"):
        convert(path)
