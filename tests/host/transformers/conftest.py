"""Tiny models on disk, each made once. Collected only where torch is installed: `make test-vision` sees to that."""

from __future__ import annotations

import hashlib
import importlib.util
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from mmcore.types import Image

if importlib.util.find_spec("torch") is None:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The directory of the model of that name."""
    from tests.host.transformers import models

    root = tmp_path_factory.mktemp("models")

    def save(name: str) -> Path:
        target = root / name
        if not target.exists():
            {"qwen2": models.qwen2, **models.SIGHTED}[name](target)
        return target

    return save


def noise(seed: int, width: int = 40, height: int = 40) -> Image:
    """A picture that is like no other."""
    from tests.host.transformers import models

    buffer = io.BytesIO()
    models.noise(seed, width, height).save(buffer, "PNG")
    data = buffer.getvalue()
    return Image(data, "image/png", width, height, hashlib.sha256(data).hexdigest())
