"""What the language server costs over its engine, measured with the scripted engine behind the real host.

    python bench/overhead.py        # writes bench/results/overhead.md and .json

The engine's share is what the same request costs through the same HTTP without the language server.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil
from editor import INVOKED, Editor

from mmcore import config
from mmcore.completion.pace import Pace
from mmcore.completion.place import place_at
from mmcore.completion.plan import Planner
from mmcore.context.surroundings import Surroundings
from mmcore.engine import launch
from mmcore.types import Document, Position

RESULTS = Path(__file__).parent / "results"
MODEL = "scripted"
ROUNDS = 400
STARTS = 5
FILES = 10_000
LINES = 10_000
CHANGES_A_SECOND, CHANGE_SECONDS = 1000, 5

MODULE = "".join(f"def function_{number}(value):\n    return value + {number}\n\n\n" for number in range(40))


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


async def start_host(state: Path) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lsp_server", "host", "--engine", "scripted"),
        env=dict(os.environ, SIDESIGHT_STATE=str(state)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not (state / "host.json").exists() and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    return process


async def engine_alone(state: Path) -> list[float]:
    """Milliseconds of the plain request, for as many different cursors as the language server is asked about."""
    os.environ["SIDESIGHT_STATE"] = str(state)
    settings, _ = config.load({"completion": {"model": MODEL}})
    engine = launch.connect(settings)
    planner = Planner(settings.completion, Pace(time.perf_counter))
    times = []
    for number in range(ROUNDS):
        place = place_at(
            Document("file:///x.py", "python", f"{MODULE}x{number} = \n"), Position(160, 4 + len(str(number)))
        )
        plan = await planner.asked(place, Surroundings(), invoked=True)
        started = time.perf_counter()
        async for _ in engine.complete(plan.request):
            pass
        times.append((time.perf_counter() - started) * 1000)
    await engine.close()
    return times[20:]


async def through_server(state: Path, root: Path) -> tuple[list[float], list[float]]:
    """Milliseconds from `didChange` to the item: where the engine must be asked, and typing as suggested."""
    editor = Editor(state, MODEL, SIDESIGHT_COMPLETION_LOOK_AHEAD="false")
    await editor.start(root)
    editor.open("x.py", "python", f"{MODULE}x = \n")
    asked, known = [], []
    name = "x"
    for number in range(ROUNDS):
        new = f"x{number}"
        started = time.perf_counter()
        editor.change({"range": [160, 0, 160, len(name)], "text": new})
        name = new
        column = len(name) + 3
        text = await editor.ask(160, column, INVOKED)[1]
        asked.append((time.perf_counter() - started) * 1000)
        ghost = text[column:]
        if number % 10 == 0 and ghost:
            # Typing as suggested: nothing of this reaches the engine.
            for offset, character in enumerate(ghost[:-1]):
                started = time.perf_counter()
                editor.change({"range": [160, column + offset, 160, column + offset], "text": character})
                await editor.ask(160, column + offset + 1, INVOKED)[1]
                known.append((time.perf_counter() - started) * 1000)
            editor.change({"range": [160, column, 160, column + len(ghost) - 1], "text": ""})
    await editor.stop()
    return asked[20:], known


async def initialize_s(state: Path) -> list[float]:
    times = []
    for _ in range(STARTS):
        editor = Editor(state, MODEL)
        started = time.perf_counter()
        await editor.start()
        times.append(time.perf_counter() - started)
        await editor.stop()
    return times


def make_workspace(root: Path) -> None:
    for number in range(FILES):
        package = root / f"package_{number // 100}"
        package.mkdir(parents=True, exist_ok=True)
        (package / f"module_{number}.py").write_text(MODULE.replace("function_", f"function_{number}_"))


async def memory_mb(state: Path, root: Path | None) -> float:
    """Resident memory of the server, once what it reads of the workspace is read and used."""
    editor = Editor(state, MODEL)
    await editor.start(root)
    editor.open("x.py", "python", f"{MODULE}x = \n")
    await editor.ask(160, 4, INVOKED)[1]
    process = psutil.Process(editor.pid)
    await asyncio.sleep(1)
    while process.children():
        await asyncio.sleep(0.2)
    editor.open("y.py", "python", "y = function_9000_3(function_17_1(\n")
    await editor.ask(0, 35, INVOKED)[1]
    size = process.memory_info().rss / 1e6
    await editor.stop()
    return float(size)


async def changes(state: Path) -> tuple[float, float]:
    """Seconds that a request waits behind 5,000 changes sent in 5 s to 10,000 lines; and seconds to send them."""
    editor = Editor(state, MODEL)
    await editor.start()
    editor.open("long.py", "python", "value = compute(1, 2)\n" * LINES)
    await editor.ask(0, 0, INVOKED)[1]
    started = time.perf_counter()
    for number in range(CHANGES_A_SECOND * CHANGE_SECONDS):
        await asyncio.sleep(started + number / CHANGES_A_SECOND - time.perf_counter())
        line = (number * 37) % LINES
        editor.change({"range": [line, 0, line, 0], "text": "x"})
    sent = time.perf_counter()
    await editor.ask(LINES // 2, 3, INVOKED)[1]
    done = time.perf_counter()
    await editor.stop()
    return done - sent, sent - started


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        root = state / "workspace"
        os.environ["SIDESIGHT_CACHE"] = str(state / "cache")
        host = await start_host(state)
        try:
            alone = await engine_alone(state)
            make_workspace(root)
            full_mb = await memory_mb(state, root)
            asked, known = await through_server(state, root)
            starts = await initialize_s(state)
            empty_mb = await memory_mb(state, None)
            behind_s, sending_s = await changes(state)
        finally:
            host.terminate()
            await host.wait()
    found = {
        "overhead_p50_ms": quantile(asked, 0.5) - quantile(alone, 0.5),
        "overhead_p99_ms": quantile(asked, 0.99) - quantile(alone, 0.99),
        "engine_p50_ms": quantile(alone, 0.5),
        "as_suggested_p50_ms": quantile(known, 0.5),
        "as_suggested_p99_ms": quantile(known, 0.99),
        "initialize_s": statistics.median(starts),
        "resident_mb": empty_mb,
        "resident_10000_files_mb": full_mb,
        "behind_after_5000_changes_s": behind_s,
        "sending_5000_changes_s": sending_s,
        "load": os.getloadavg()[0],
    }
    aims = {
        "overhead_p50_ms": 3,
        "overhead_p99_ms": 10,
        "as_suggested_p50_ms": 5,
        "as_suggested_p99_ms": 5,
        "initialize_s": 1.5,
        "resident_10000_files_mb": 120,
        "behind_after_5000_changes_s": 0.1,
        "sending_5000_changes_s": 5.05,
    }
    lines = ["# Overhead of the language server", "", "`python bench/overhead.py`, scripted engine", ""]
    lines += ["| | measured | aim |", "|---|---|---|"]
    lines += [f"| {name} | {value:.2f} | {aims.get(name, '')} |" for name, value in found.items()]
    (RESULTS / "overhead.md").write_text("\n".join(lines) + "\n", "utf-8")
    (RESULTS / "overhead.json").write_text(json.dumps(found, indent=1), "utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    asyncio.run(main())
