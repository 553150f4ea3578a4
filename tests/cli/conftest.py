"""The command line, with a model host that gives canned answers and has no weights."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import pytest

from lsp_server.__main__ import main


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str


@pytest.fixture
def sidesight(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Run the command in this process."""

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["sidesight", *arguments])
        with pytest.raises(SystemExit) as exit_:
            main()
        out, err = capfd.readouterr()
        return Ended(exit_.value.code if isinstance(exit_.value.code, int) else 0, out, err)

    return run


@pytest.fixture(scope="session")
def scripted_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state directory of a running host."""
    state = tmp_path_factory.mktemp("scripted")
    environment = {**os.environ, "SIDESIGHT_STATE": str(state)}
    host = subprocess.Popen([sys.executable, "-m", "mmcore.host", "--engine", "scripted"], env=environment)
    deadline = monotonic() + 60
    while not (state / "host.json").exists():
        assert host.poll() is None
        assert monotonic() < deadline
        sleep(0.02)
    yield state
    host.terminate()
    host.wait(60)


@pytest.fixture
def host(scripted_state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the command is told comes from the scripted host."""
    monkeypatch.setenv("SIDESIGHT_STATE", str(scripted_state))
