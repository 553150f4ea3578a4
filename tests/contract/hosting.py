"""Run a model host of one's own, with its own state, for as long as a test needs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil

DEADLINE_S = 60.0


@dataclass(frozen=True)
class RunningHost:
    """`url` ends in `/v1`."""

    url: str
    token: str
    state: Path
    process: subprocess.Popen[bytes]

    def get(self, path: str, **options: Any) -> httpx2.Response:
        root = self.url.removesuffix("/v1")
        return httpx2.get(root + path, headers={"Authorization": f"Bearer {self.token}"}, trust_env=False, **options)

    def post(self, path: str, **options: Any) -> httpx2.Response:
        root = self.url.removesuffix("/v1")
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        return httpx2.post(root + path, headers=headers, trust_env=False, **options)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric over the series that have these labels."""
        return total(self.get("/metrics").text, name, **labels)

    def settles(self, name: str, value: float, **labels: str) -> bool:
        """Whether a metric takes this value before the deadline."""
        return within(lambda: self.metric(name, **labels) == value)


def total(metrics: str, name: str, **labels: str) -> float:
    """The sum of a metric over the series that have these labels."""
    found = 0.0
    for line in metrics.splitlines():
        series, _, value = line.rpartition(" ")
        this, _, rest = series.partition("{")
        if this == name and all(f'{key}="{wanted}"' in rest for key, wanted in labels.items()):
            found += float(value)
    return found


def within(holds: Any, seconds: float = DEADLINE_S) -> bool:
    """Whether something holds before a deadline that is only there so that a failing test ends."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@contextmanager
def running_host(state: Path, engine: str = "scripted", **environment: str) -> Iterator[RunningHost]:
    command = [sys.executable, "-m", "mmcore.host", "--engine", engine]
    process = subprocess.Popen(command, env={**os.environ, "SIDESIGHT_STATE": str(state), **environment})
    try:
        address = state / "host.json"
        assert within(lambda: address.exists() or process.poll() is not None)
        assert process.poll() is None, "the host ended instead of starting"
        url = json.loads(address.read_text())["url"]
        yield RunningHost(url, (state / "host.token").read_text(), state, process)
    finally:
        process.terminate()
        try:
            process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert not psutil.pid_exists(process.pid)
