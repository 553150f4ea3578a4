"""`sidesight doctor`: what is installed, what runs, what is wrong and how to mend it."""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import struct
import sys
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import psutil
import typer
from rich.console import Console
from rich.markup import escape

from mmcore import config
from mmcore.context.workspace import workspace_root
from mmcore.engine import address, launch, start
from mmcore.errors import SidesightError
from mmcore.host.weights import catalog, pull
from mmcore.memory.store import database_path
from mmcore.perception.reader import Reader

Status = Literal["ok", "note", "wrong"]
_MARKS = {"ok": "[green]✓[/]", "note": "[yellow]·[/]", "wrong": "[red]✗[/]"}


@dataclass(frozen=True, slots=True)
class Finding:
    """`wrong` keeps the main job from running, `note` does not; `mend` says what to type."""

    name: str
    status: Status
    detail: str
    mend: str = ""


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Look at the installation; exit status 0 only when completions and questions can be answered.

    Example: sidesight doctor --json
    """
    findings = list(_examine())
    healthy = all(finding.status != "wrong" for finding in findings)
    if as_json:
        typer.echo(json.dumps({"ok": healthy, "findings": [asdict(finding) for finding in findings]}))
    else:
        console = Console(highlight=False)
        for finding in findings:
            console.print(f"{_MARKS[finding.status]} {finding.name:<12} {escape(finding.detail)}", soft_wrap=True)
            if finding.mend:
                console.print(f"  {'':<12} → {escape(finding.mend)}", soft_wrap=True)
    raise typer.Exit(0 if healthy else 1)


def _examine() -> Iterator[Finding]:
    settings, problems = config.load()
    yield Finding("sidesight", "ok", f"{importlib.metadata.version('sidesight')}, Python {platform.python_version()}")
    for problem in problems:
        yield Finding("settings", "note", problem, f"mend {config.config_path()} or the environment")
    yield _device()
    yield from _directories()
    if settings.engine.url:
        yield from _server(settings)
    else:
        yield from _engines()
        yield from _weights(settings)
        yield _host()
    yield asyncio.run(_reader(settings))


def _device() -> Finding:
    memory = psutil.virtual_memory()
    cores = psutil.cpu_count(logical=False) or os.cpu_count()
    gpu = "with an NVIDIA driver" if shutil.which("nvidia-smi") else "no NVIDIA GPU"
    return Finding(
        "device",
        "ok",
        f"{platform.system()} {platform.machine()}, {cores} cores, "
        f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GiB free, {gpu}",
    )


def _directories() -> Iterator[Finding]:
    for name, folder in (("cache", config.cache_dir()), ("state", config.state_dir())):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            free = shutil.disk_usage(folder).free
            usable = os.access(folder, os.R_OK | os.W_OK | os.X_OK)
        except OSError as error:
            yield Finding(
                name, "wrong", f"{folder}: {error.strerror}", f"set SIDESIGHT_{name.upper()} to another folder"
            )
            continue
        if not usable:
            yield Finding(
                name, "wrong", f"{folder} cannot be written", f"set SIDESIGHT_{name.upper()} to another folder"
            )
        else:
            yield Finding(name, "ok", f"{folder}, {free / 2**30:.1f} GiB free")
    yield Finding("memory", "ok", str(database_path([workspace_root(Path())])))


def _engines() -> Iterator[Finding]:
    names = [name for name in ("xllamacpp", "torch") if importlib.util.find_spec(name)]
    if names:
        yield Finding("engine", "ok", ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names))
    else:
        yield Finding("engine", "wrong", "no engine is installed", f"{sys.executable} -m pip install 'sidesight[cpu]'")


def _weights(settings: config.Settings) -> Iterator[Finding]:
    for name in dict.fromkeys((settings.completion.model, settings.chat.model)):
        try:
            path = pull.locate(catalog.find(name), settings)
        except SidesightError as error:
            yield Finding("weights", "wrong", str(error), f"sidesight models pull {name}")
        else:
            yield Finding("weights", "ok", f"{name}: {path}")


def _host() -> Finding:
    found = address.find()
    if found is None or not found.alive():
        return Finding("host", "ok", "not running; it starts with the first request")
    health = start.probe(found)
    if health is None:
        return Finding("host", "wrong", f"process {found.pid} does not answer at {found.url}", "sidesight host --stop")
    ready = [name for name, model in health["models"].items() if model["state"] == "ready"]
    return Finding("host", "ok", f"running at {found.url}, pid {found.pid}, loaded: {', '.join(ready) or 'nothing'}")


def _server(settings: config.Settings) -> Iterator[Finding]:
    async def names() -> tuple[str, ...]:
        engine = launch.connect(settings)
        try:
            return await engine.models()
        finally:
            await engine.close()

    try:
        models = asyncio.run(names())
    except SidesightError as error:
        yield Finding("engine", "wrong", str(error), "start that server, or leave engine.url empty for our own host")
        return
    yield Finding("engine", "ok", f"{settings.engine.url} serves {', '.join(models) or 'nothing'}")
    for name in dict.fromkeys((settings.completion.model, settings.chat.model)):
        if name not in models:
            yield Finding("engine", "wrong", f"it does not serve {name}", "set completion.model and chat.model")


async def _reader(settings: config.Settings) -> Finding:
    reader = Reader(settings.perception)
    try:
        await reader.read(_white_png())
    except SidesightError as error:
        return Finding("sight", "wrong", str(error), f"{sys.executable} -m pip install 'sidesight[vision]'")
    finally:
        await reader.close()
    return Finding("sight", "ok", "pictures can be read")


def _white_png() -> bytes:
    """The smallest picture that goes all the way through the reader: 64 × 32 white pixels."""

    def part(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + b"\xff" * 64 for _ in range(32))
    header = struct.pack(">IIBBBBB", 64, 32, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b"")
