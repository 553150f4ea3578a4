"""Eight editors type at once for ten minutes, on one host: is every request answered, does memory stay flat?

python bench/soak.py                              # real weights; writes bench/results/soak.md and .json
python bench/soak.py --minutes 1 --scripted       # the same without weights
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from editor import AUTOMATIC, INVOKED, Buffer, Editor
from overhead import quantile, start_host
from pygls.exceptions import JsonRpcException

HERE = Path(__file__).parent
EDITORS = 8
# JSON-RPC's RequestCancelled of LSP: an answer too.
CANCELLED = -32800


@dataclass
class Tally:
    sent: int = 0
    answered: int = 0
    superseded: int = 0
    failed: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


async def type_on(editor: Editor, number: int, traces: list[list[dict[str, Any]]], until: float, tally: Tally) -> None:
    """Play the traces over and over, from a place of this editor's own."""
    dice = random.Random(number)
    round_ = 0
    while time.monotonic() < until:
        opened, *events = traces[(number + round_) % len(traces)]
        round_ += 1
        editor.open(f"{number}/{round_}/{opened['open']}", opened["language"], opened["text"])
        buffer = Buffer(opened["text"])
        await asyncio.sleep(dice.uniform(0.5, 3.0))
        begun = time.monotonic()
        pending: tuple[str, asyncio.Task[None]] | None = None
        for event in events:
            await asyncio.sleep(begun + event["t"] - time.monotonic())
            if time.monotonic() >= until:
                break
            if pending is not None and not pending[1].done():
                editor.cancel(pending[0])
            buffer.apply(event)
            editor.change(event)
            tally.sent += 1
            asked, reply = editor.ask(*event["cursor"], AUTOMATIC)
            pending = (asked, asyncio.create_task(count(reply, tally, tally.sent)))
        if pending is not None:
            await pending[1]
        editor.leave()


async def count(reply: asyncio.Future[str], tally: Tally, number: int) -> None:
    """A reply that comes after the next key, cancelled or empty, is no loss and has no latency."""
    started = time.perf_counter()
    try:
        await reply
    except JsonRpcException as error:
        if error.code == CANCELLED:
            tally.superseded += 1
        else:
            tally.failed.append(str(error))
    else:
        if number < tally.sent:
            tally.superseded += 1
            return
        tally.answered += 1
        tally.seconds.append(time.perf_counter() - started)


def resident_mb(pid: int, *, family: bool) -> float:
    """Of a process, and of those that it started: not for the language server, one of which started the host."""
    process = psutil.Process(pid)
    processes = [process, *process.children(recursive=True)] if family else [process]
    return sum(each.memory_info().rss for each in processes) / 1e6


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--editors", type=int, default=EDITORS)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--scripted", action="store_true", help="canned answers, no weights")
    options = parser.parse_args()
    paths = sorted((HERE / "traces").glob("*.jsonl"))
    traces = [[json.loads(line) for line in path.read_text("utf-8").splitlines()] for path in paths]
    tallies = [Tally() for _ in range(options.editors)]
    memory: list[tuple[float, float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        host = await start_host(state) if options.scripted else None
        editors = [Editor(state, options.model) for _ in tallies]
        for editor in editors:
            await editor.start()
        editors[0].open("first.py", "python", "x = 1\n")
        await editors[0].ask(0, 4, INVOKED)[1]  # loads the model
        started = time.monotonic()
        until = started + options.minutes * 60

        async def weigh() -> None:
            while True:
                now = resident_mb(editors[0].host_pid(), family=True)
                servers = sum(resident_mb(editor.pid, family=False) for editor in editors)
                memory.append((time.monotonic() - started, now, servers))
                await asyncio.sleep(max(options.minutes, 0.5))

        weighing = asyncio.create_task(weigh())
        await asyncio.gather(
            *(type_on(editor, number, traces, until, tallies[number]) for number, editor in enumerate(editors))
        )
        weighing.cancel()
        counters = await editors[0].metrics()
        for editor in editors:
            await editor.stop()
        if host is not None:
            host.terminate()
            await host.wait()
        else:
            await editors[0].stop_host()
    seconds = [value for tally in tallies for value in tally.seconds] or [0.0]
    sent, answered, superseded = (sum(getattr(t, name) for t in tallies) for name in ("sent", "answered", "superseded"))
    failed = [message for tally in tallies for message in tally.failed]
    quarters = [memory[len(memory) * quarter // 4 - 1] for quarter in range(1, 5)]
    found = {
        "editors": options.editors,
        "minutes": options.minutes,
        "engine": "scripted" if options.scripted else options.model,
        "sent": sent,
        "answered": answered,
        "superseded": superseded,
        "failed": len(failed),
        "lost": sent - answered - superseded - len(failed),
        **{f"answered_p{int(q * 100)}_ms": quantile(seconds, q) * 1000 for q in (0.5, 0.9, 0.99)},
        "host_mb_after_each_quarter": ", ".join(f"{host_mb:.0f}" for _, host_mb, _ in quarters),
        "servers_mb_after_each_quarter": ", ".join(f"{servers_mb:.0f}" for *_, servers_mb in quarters),
        "load": os.getloadavg()[0],
    }
    lines = ["# Soak", "", f"`python bench/soak.py --minutes {options.minutes:g}`", "", "| | |", "|---|---|"]
    lines += [
        f"| {name} | {value:.0f} |" if isinstance(value, float) else f"| {name} | {value} |"
        for name, value in found.items()
    ]
    name = "soak-scripted" if options.scripted else "soak"
    (HERE / "results" / f"{name}.md").write_text("\n".join(lines) + "\n", "utf-8")
    details = {**found, "failures": sorted(set(failed)), "memory": memory, "host": counters}
    (HERE / "results" / f"{name}.json").write_text(json.dumps(details, indent=1), "utf-8")
    print("\n".join(lines), *sorted(set(failed)), sep="\n")


if __name__ == "__main__":
    asyncio.run(main())
