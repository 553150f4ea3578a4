"""Find the running model host, or start one: one, however many editors do so at once."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import fields
from importlib.metadata import version
from typing import Any

import filelock
import httpx2
import psutil

from mmcore import config
from mmcore.config import Settings
from mmcore.engine import address
from mmcore.engine.address import Address
from mmcore.errors import EngineUnavailable

# A host that answers no sooner is given up and replaced; a busy machine may be slow.
PROBE_TIMEOUT_S = 20.0
# No proxy sees what goes to loopback; certificates, which plain HTTP does not need, take 0.1 s to load.
_LOCAL: dict[str, Any] = {"timeout": PROBE_TIMEOUT_S, "trust_env": False, "verify": False}
POLL_S = 0.05
# Longer than the host gives to requests in flight.
LEAVE_TIMEOUT_S = 15.0
# Exit status of a host that found another one running (EX_TEMPFAIL).
ANOTHER_RUNS = 75


def find_or_start(settings: Settings, on_status: Callable[[str], None], replace: bool) -> tuple[Address, str]:
    """The host's address and token; blocks for as long as a start takes. Raises EngineUnavailable.

    With `replace`, a host of another version is asked to leave and succeeded by one of this version.
    """
    found = _running(replace)
    if found is not None:
        return found
    config.state_dir().mkdir(mode=0o700, parents=True, exist_ok=True)
    patience = settings.host.start_timeout_s
    try:
        # The first to come starts it, the others find it when they get the lock.
        with filelock.FileLock(config.state_dir() / "launch.lock", timeout=patience + LEAVE_TIMEOUT_S):
            found = _running(replace)
            if found is not None:
                return found
            on_status("starting the model host")
            stop()
            return _start(settings, patience)
    except filelock.Timeout:
        raise EngineUnavailable(f"the model host did not start in {patience:g} s; see {address.log_path()}") from None


def probe(found: Address) -> dict[str, Any] | None:
    """What a host says of its health; None when it does not answer as ours."""
    try:
        headers = {"Authorization": f"Bearer {address.read_token()}"}
        response = httpx2.get(found.health, headers=headers, **_LOCAL)
        health = response.raise_for_status().json()
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError):
        return None
    return health if isinstance(health, dict) and health.get("pid") == found.pid else None


def stop() -> bool:
    """Ask the running host to leave, and see to it that it does; False when there is none."""
    found = address.find()
    if found is None or not found.alive():
        return False
    if _asked_to_leave(found) and _gone(found):
        return True
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(found.pid)
        for end in (process.terminate, process.kill):
            end()
            if _gone(found):
                return True
    if not found.alive():
        return True
    raise EngineUnavailable(f"the model host, process {found.pid}, cannot be ended; end it by hand")


def _gone(found: Address) -> bool:
    """Whether a host ends within the time that it may take. One that has ended may still be another's zombie."""
    deadline = time.monotonic() + LEAVE_TIMEOUT_S
    while found.alive():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def _asked_to_leave(found: Address) -> bool:
    try:
        headers = {"Authorization": f"Bearer {address.read_token()}"}
        response = httpx2.post(f"{found.root}/shutdown", headers=headers, **_LOCAL)
    except (httpx2.HTTPError, httpx2.InvalidURL):
        return False
    return response.is_success


def _running(replace: bool) -> tuple[Address, str] | None:
    found = address.find()
    # The process first: a token is not shown to whoever has a dead host's port now.
    if found is None or not found.alive() or (replace and found.version != version("sidesight")):
        return None
    return (found, address.read_token()) if probe(found) else None


def _start(settings: Settings, patience: float) -> tuple[Address, str]:
    if importlib.util.find_spec("uvicorn") is None:
        raise EngineUnavailable("the model host is not installed; `pip install 'sidesight[cpu]'` brings it")
    child = _spawn(settings)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        found = _running(replace=False)
        if found is not None:
            return found
        status = child.poll()
        if status not in (None, ANOTHER_RUNS):
            raise EngineUnavailable(f"the model host did not start: {_last_words()}; see {address.log_path()}")
        time.sleep(POLL_S)
    raise EngineUnavailable(f"the model host did not answer in {patience:g} s; see {address.log_path()}")


def _spawn(settings: Settings) -> subprocess.Popen[bytes]:
    """A process that outlives the editor, with our settings for it and its errors in the log."""
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        detached = {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    log = os.open(address.log_path(), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        child = subprocess.Popen(
            # -P: a workspace that has a package of our name must not be imported.
            [sys.executable, "-P", "-m", "mmcore.host"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=config.state_dir(),
            env={**os.environ, **environment(settings)},
            **detached,
        )
    finally:
        os.close(log)
    # Waited for, lest it stay a zombie when it leaves before us; by a daemon, for it is meant to outlive us.
    threading.Thread(target=child.wait, name=f"host {child.pid}", daemon=True).start()
    return child


def environment(settings: Settings) -> dict[str, str]:
    """The settings that concern the host, as `config.load` reads them from the environment."""
    values: dict[str, str] = {}
    for group in ("host", "weights"):
        part = getattr(settings, group)
        for item in fields(part):
            value = getattr(part, item.name)
            text = ",".join(value) if isinstance(value, tuple) else str(value)
            values[f"SIDESIGHT_{group}_{item.name}".upper()] = text
    return values


def _last_words() -> str:
    try:
        lines = address.log_path().read_text("utf-8", "replace").split("\n")
    except OSError:
        lines = []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")[:300]
