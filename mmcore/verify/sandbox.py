"""Run a command that is not trusted: no network, nothing but the scratch copy to write, bounded in every way.

Two walls on Linux: `jail.py` makes its own namespaces; where the system refuses those (AppArmor on some desktops),
bubblewrap if it is installed. Elsewhere only the limits hold, and `Ran.isolation` says so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import psutil

from mmcore.verify.stopping import Stopped, stopped

Isolation = Literal["namespaces", "bubblewrap", "limits only"]

JAIL = Path(__file__).with_name("jail.py").resolve()
# What any program needs of the system. Left out on purpose: /home, /root, /run, /var, /sys and the rest of /etc.
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/nix/store")
ETC = "alternatives ld.so.cache ld.so.conf ld.so.conf.d localtime nsswitch.conf passwd group ssl/certs ssl/openssl.cnf"
HOSTS = "127.0.0.1 localhost\n::1 localhost\n"
OUTPUT_KEPT = 40_000
POLL_S = 0.03


@dataclass(frozen=True, slots=True)
class Limits:
    """`seconds` is wall time. `memory_mb` and `processes` count the whole tree, `address_space_mb` each process.

    Node and Go reserve far more address space than they use: None leaves it free for them.
    """

    seconds: float = 20.0
    memory_mb: int = 1024
    address_space_mb: int | None = 4096
    processes: int = 64
    file_mb: int = 64
    scratch_mb: int = 512


@dataclass(frozen=True, slots=True)
class Ran:
    """`status` is None when the command was ended for breaking a limit, which `ended_for` names."""

    status: int | None
    output: str
    isolation: Isolation
    milliseconds: float
    ended_for: str = ""


def run(
    command: Sequence[str],
    scratch: Path,
    *,
    limits: Limits = Limits(),
    readonly: Sequence[Path] = (),
    environment: Mapping[str, str] | None = None,
    wall: Isolation | None = None,
) -> Ran:
    """Run `command` in the directory `scratch`, the only place that it can write.

    `readonly` names further directories that it may read (an interpreter, `node_modules`). The environment holds what
    stands in `_environment` and `environment`, nothing of ours. Blocks until the last process is gone. Raises Stopped
    when the task that waits for this thread is cancelled.
    """
    if stopped():
        raise Stopped
    wall = isolation() if wall is None else wall
    scratch = scratch.resolve()
    started = time.perf_counter()
    with (
        tempfile.TemporaryDirectory(prefix="sidesight-jail-", ignore_cleanup_errors=True) as root,
        tempfile.TemporaryFile() as output,
    ):
        process = subprocess.Popen(
            _command(command, scratch, limits, [*readonly, *_launcher(wall)], Path(root).resolve(), wall),
            cwd=scratch,
            env={**_environment(scratch, wall), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            ended_for = _watch(process, scratch, limits)
        finally:
            _end(process)
        size = output.seek(0, os.SEEK_END)
        output.seek(max(0, size - OUTPUT_KEPT))
        said = output.read().decode("utf-8", "replace")
    if stopped():
        raise Stopped
    status = None if ended_for else process.returncode
    return Ran(status, said, wall, (time.perf_counter() - started) * 1000, ended_for)


@lru_cache(maxsize=1)
def isolation() -> Isolation:
    """The strongest wall that works here, found by trying it."""
    if sys.platform != "linux":
        return "limits only"
    walls: tuple[Isolation, ...] = ("namespaces", *(("bubblewrap",) if shutil.which("bwrap") else ()))
    for wall in walls:
        with tempfile.TemporaryDirectory(prefix="sidesight-") as scratch:
            if run(["true"], Path(scratch), wall=wall, limits=Limits(seconds=10)).status == 0:
                return wall
    return "limits only"


def _command(
    command: Sequence[str], scratch: Path, limits: Limits, readonly: Sequence[Path], root: Path, wall: Isolation
) -> list[str]:
    links, bound = _layout(readonly)
    plan = {
        "root": str(root) if wall == "namespaces" else "",
        "scratch": str(scratch),
        "directory": str(scratch),
        "links": links,
        "readonly": bound,
        "limits": _resource_limits(limits, wall),
    }
    jailed = [sys.executable, "-I", str(JAIL), json.dumps(plan), *command]
    if wall != "bubblewrap":
        return jailed
    mounts = [part for link, target in links for part in ("--symlink", target, link)]
    mounts += [part for path in bound for part in ("--ro-bind", path, path)]
    (root / "hosts").write_text(HOSTS, "ascii")
    mounts += ["--ro-bind", str(root / "hosts"), "/etc/hosts"]
    return [
        *("bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--tmpfs", "/tmp", "--dev", "/dev"),  # noqa: S108
        *("--proc", "/proc", *mounts, "--bind", str(scratch), str(scratch), "--chdir", str(scratch), "--", *jailed),
    ]


def _layout(readonly: Sequence[Path]) -> tuple[list[tuple[str, str]], list[str]]:
    """Top-level links to make again, and paths to bind, outer ones first."""
    wanted = [Path(path) for path in SYSTEM] + [Path("/etc") / name for name in ETC.split()]
    links = [(str(path), str(path.readlink())) for path in wanted[: len(SYSTEM)] if path.is_symlink()]
    linked = {link for link, _ in links}
    bound: list[Path] = []
    for path in sorted({path for path in [*wanted, *readonly] if str(path) not in linked and path.exists()}):
        if not any(path.is_relative_to(outer) for outer in bound):
            bound.append(path)
    return links, [str(path) for path in bound]


def _launcher(wall: Isolation) -> list[Path]:
    """What `jail.py` itself needs when it is started behind the wall instead of making it."""
    if wall != "bubblewrap":
        return []
    return [JAIL, *interpreter_paths(Path(sys.executable))]


def interpreter_paths(python: Path) -> list[Path]:
    """Directories that this interpreter reads: its environment's, and those of the one which it was made from."""
    environment = python.parent.parent
    paths = [environment, python.resolve().parent.parent]
    settings = environment / "pyvenv.cfg"
    if settings.is_file():
        for line in settings.read_text("utf-8", "replace").splitlines():
            name, _, value = line.partition("=")
            if name.strip() == "home":
                paths.append(Path(value.strip()).parent)
    return [path for path in paths if path != Path("/") and path.is_dir()]


def _environment(scratch: Path, wall: Isolation) -> dict[str, str]:
    temporary = scratch if wall == "limits only" else Path("/tmp")  # noqa: S108
    held = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(scratch),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
    }
    if sys.platform == "win32":
        held = {**held, "PATH": os.environ.get("PATH", ""), "SYSTEMROOT": os.environ.get("SYSTEMROOT", "")}
    return held


def _resource_limits(limits: Limits, wall: Isolation) -> dict[str, int]:
    held = {
        "RLIMIT_CPU": int(limits.seconds) + 1,
        "RLIMIT_FSIZE": limits.file_mb << 20,
        "RLIMIT_CORE": 0,
        "RLIMIT_NOFILE": 512,
        # Counted per user; a namespace of its own starts from zero, without one our own processes count too.
        "RLIMIT_NPROC": limits.processes + (0 if wall != "limits only" else _own_threads()),
    }
    if limits.address_space_mb is not None:
        held["RLIMIT_AS"] = limits.address_space_mb << 20
    return held


def _own_threads() -> int:
    mine = psutil.Process().username()
    processes = psutil.process_iter(["username", "num_threads"])
    return sum(p.info["num_threads"] or 1 for p in processes if p.info["username"] == mine)


def _watch(process: subprocess.Popen[bytes], scratch: Path, limits: Limits) -> str:
    """Wait for the end; returns which limit was broken, if one was."""
    deadline = time.monotonic() + limits.seconds
    measured = time.monotonic()
    while process.poll() is None:
        if stopped():
            return "its task was cancelled"
        if time.monotonic() > deadline:
            return f"time ({limits.seconds:g} s)"
        family = _family(process.pid)
        if len(family) > limits.processes:
            return f"processes ({limits.processes})"
        if sum(_resident(member) for member in family) > limits.memory_mb << 20:
            return f"memory ({limits.memory_mb} MB)"
        if time.monotonic() > measured + 1:
            measured = time.monotonic()
            if _tree_bytes(scratch) > limits.scratch_mb << 20:
                return f"disk ({limits.scratch_mb} MB)"
        try:
            process.wait(POLL_S)
        except subprocess.TimeoutExpired:
            continue
    return ""


def _family(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _tree_bytes(directory: Path) -> int:
    total = 0
    for here, _, files in os.walk(directory):
        for name in files:
            try:
                total += (Path(here) / name).lstat().st_size
            except OSError:
                continue  # gone between listing and looking
    return total


def _end(process: subprocess.Popen[bytes]) -> None:
    """End whatever is left of it: the first process takes its namespace along, elsewhere each is ended by name."""
    for member in reversed(_family(process.pid)):
        try:
            member.kill()
        except psutil.Error:
            continue
    process.wait()
