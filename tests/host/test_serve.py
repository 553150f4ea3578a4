"""The life of the host process, and the command that runs, shows and ends it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mmcore.host.serve import open_listener
from tests.contract.hosting import running_host, within


def sidesight(*arguments: str, state: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lsp_server", "host", *arguments],
        env={**os.environ, "SIDESIGHT_STATE": str(state), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_status_shows_the_running_host_and_stop_ends_it(tmp_path: Path) -> None:
    with running_host(tmp_path) as host:
        status = json.loads(sidesight("--status", "--json", state=tmp_path).stdout)
        assert status["running"] is True
        assert (status["url"], status["pid"]) == (host.url, host.process.pid)
        assert Path(status["token_file"]).read_text() == host.token
        assert host.url in sidesight("--status", state=tmp_path).stdout
        assert json.loads(sidesight("--stop", "--json", state=tmp_path).stdout) == {"stopped": True}
        assert host.process.wait(30) == 0
    assert not (tmp_path / "host.json").exists()
    assert not (tmp_path / "host.token").exists()


def test_status_and_stop_are_content_without_a_host(tmp_path: Path) -> None:
    for option, expected in (("--status", {"running": False}), ("--stop", {"stopped": False})):
        result = sidesight(option, "--json", state=tmp_path)
        assert (result.returncode, json.loads(result.stdout)) == (0, expected)
        assert "no model host is running" in sidesight(option, state=tmp_path).stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_tidily(tmp_path: Path, number: signal.Signals) -> None:
    with running_host(tmp_path) as host:
        host.process.send_signal(number)
        assert host.process.wait(30) == 0
    assert not (tmp_path / "host.json").exists()


def test_a_second_host_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    with running_host(tmp_path) as host:
        result = sidesight("--engine", "scripted", state=tmp_path)
        assert result.returncode == 2
        assert "--stop" in result.stderr
        assert host.get("/health").status_code == 200


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--bind", "0.0.0.0"], "loopback"),
        (["--bind", "192.168.1.1"], "loopback"),
        (["--bind", "somewhere"], "somewhere"),
        (["--port", "70000"], "70000"),
        (["--port", "-1"], "-1"),
        (["--engine", "steam"], "steam"),
        (["--status", "--stop"], "--stop"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(tmp_path: Path, arguments: list[str], named: str) -> None:
    result = sidesight(*arguments, state=tmp_path)
    assert result.returncode == 2
    assert named in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = sidesight("--port", port, "--engine", "scripted", state=tmp_path)
    assert result.returncode == 2
    assert port in result.stderr
    assert result.stderr.count("\n") == 1


def test_it_leaves_when_nobody_asks_for_long(tmp_path: Path) -> None:
    with running_host(tmp_path, SIDESIGHT_HOST_EXIT_IDLE_S="0.3") as host:
        assert host.process.wait(30) == 0


def test_it_leaves_when_nobody_could_find_it_any_more(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with running_host(state, SIDESIGHT_HOST_MODEL_IDLE_S="0.3") as host:
        shutil.rmtree(state)
        assert host.process.wait(30) == 0
    assert not state.exists()


def test_an_idle_model_is_unloaded(tmp_path: Path) -> None:
    with running_host(tmp_path, SIDESIGHT_HOST_MODEL_IDLE_S="0.3") as host:
        host.post("/v1/completions", json={"model": "scripted", "prompt": "x"})
        assert within(lambda: host.metric("sidesight_models_loaded") == 0)
        assert host.post("/v1/completions", json={"model": "scripted", "prompt": "x"}).status_code == 200


def test_its_log_does_not_grow_for_ever(tmp_path: Path) -> None:
    log = tmp_path / "host.log"
    log.write_bytes(b"x" * (2 << 20))
    environment = {**os.environ, "SIDESIGHT_STATE": str(tmp_path), "SIDESIGHT_HOST_MODEL_IDLE_S": "0.3"}
    with log.open("ab") as appended:
        command = [sys.executable, "-m", "mmcore.host", "--engine", "scripted"]
        host = subprocess.Popen(command, env=environment, stderr=appended)
    try:
        assert within(lambda: log.stat().st_size < 1 << 20)
    finally:
        host.terminate()
        host.wait(30)


async def test_small_answers_are_sent_at_once() -> None:
    """Nagle's algorithm would hold each back until its headers are acknowledged, 40 ms later."""
    accepted: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    listener = open_listener("127.0.0.1", 0)
    async with await asyncio.start_server(lambda reader, writer: accepted.put(writer), sock=listener):
        _, ours = await asyncio.open_connection(*listener.getsockname())
        theirs = await accepted.get()
        assert theirs.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        for writer in (ours, theirs):
            writer.close()
            await writer.wait_closed()
