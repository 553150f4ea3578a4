"""What every test shares: a state of its own, and real weights that are fetched once for all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmcore import config
from mmcore.host.weights import catalog, pull
from mmcore.host.weights.progress import quiet


@pytest.fixture(scope="session", autouse=True)
def own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Tests neither see nor disturb the host, the settings and the conversations of whoever runs them."""
    state = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("SIDESIGHT_") and name != "SIDESIGHT_CACHE"]:
            patch.delenv(name)
        patch.setenv("SIDESIGHT_STATE", str(state))
        patch.setenv("SIDESIGHT_CONFIG", str(state / "config.toml"))
        yield state
        if (state / "host.json").exists():
            subprocess.run(
                [sys.executable, "-m", "lsp_server", "host", "--stop"], check=True, stdout=subprocess.DEVNULL
            )


@pytest.fixture(scope="session")
def small_model() -> str:
    """The 0.5B, on disk: the name to ask the host for. Fetched once into the cache that users have too."""
    return _pulled("qwen2.5-coder-0.5b")


@pytest.fixture(scope="session")
def chat_model() -> str:
    """The 1.5B, on disk."""
    return _pulled("qwen2.5-coder-1.5b")


def _pulled(name: str) -> str:
    settings, _ = config.load()
    pull.pull(catalog.find(name), settings, quiet)
    return name
