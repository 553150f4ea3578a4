"""Play typing at human speed through `sidesight serve`, and through llama.vim's protocol, on the same weights.

    python bench/replay.py                       # both, every trace; writes bench/results/replay.md and .json
    python bench/replay.py --system sidesight --trace config

Every key is a `didChange` (or a move of the cursor) and an automatic request for ghost text at its own time, whether
or not the one before was answered; that one is cancelled first, as editors do. A key is answered when text to show,
or that there is none, is known before the next key comes. Keys that were not are counted as at least as late as the
next key (Kaplan-Meier), so that a system which answers only in pauses does not look quick by answering little.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from editor import AUTOMATIC, INVOKED, Buffer, Editor
from llama_vim import LlamaVim, start_server
from pygls.exceptions import JsonRpcException

from mmcore import config
from mmcore.host.weights.catalog import find
from mmcore.host.weights.pull import locate

HERE = Path(__file__).parent
BETWEEN_FILES_S = 3.5
AFTER_LAST_S = 5.0
# A pause in which a programmer looks at what is suggested.
PAUSE_S = 0.9


@dataclass
class Key:
    """`answered_s` after the key, None where the next key came first; `text` is what was shown."""

    gap_s: float
    answered_s: float | None = None
    text: str = ""


@dataclass
class Played:
    system: str
    keys: list[Key] = field(default_factory=list)
    computed_tokens: int = 0
    counts: dict[str, float] = field(default_factory=dict)


class Sidesight:
    """The language server, with a host of its own."""

    name = "sidesight"

    def __init__(self, model: str, state: Path) -> None:
        self._editor = Editor(state, model)
        self._asked = ""
        self._reply: asyncio.Future[str] | None = None
        self._watching: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        await self._editor.start()
        # Loads the model; what it computes is not counted.
        self._editor.open("warm.py", "python", "x = 1\n")
        await self._editor.ask(0, 4, INVOKED)[1]
        self._before = await self._editor.metrics()

    def enter(self, name: str, language: str, text: str) -> None:
        self._editor.open(name, language, text)

    def press(self, event: dict[str, Any], buffer: Buffer, key: Key) -> None:
        pressed = time.perf_counter()
        if self._reply is not None and not self._reply.done():
            self._editor.cancel(self._asked)
        self._editor.change(event)
        self._asked, self._reply = self._editor.ask(*event["cursor"], AUTOMATIC)
        task = asyncio.create_task(_watch(self._reply, pressed, key))
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)

    async def stop(self, played: Played) -> None:
        after = await self._editor.metrics()
        played.counts = {name: after[name] - self._before.get(name, 0) for name in after}
        computed = played.counts["prompt_tokens"] - played.counts["cached_tokens"] + played.counts["generated_tokens"]
        played.computed_tokens = int(computed)
        await self._editor.stop()
        await self._editor.stop_host()


async def _watch(reply: asyncio.Future[str], pressed: float, key: Key) -> None:
    try:
        text = await reply
    except JsonRpcException:
        return  # cancelled, because the next key came
    after = time.perf_counter() - pressed
    if after < key.gap_s:
        key.answered_s, key.text = after, text


class Peer:
    """llama.vim on llama.cpp's server."""

    name = "llama.vim"

    def __init__(self, model: str, threads: int) -> None:
        settings, _ = config.load()
        self._weights = locate(find(model), settings)
        self._threads = threads
        self._pressed = 0.0
        self._key: Key | None = None

    async def start(self) -> None:
        self._process, url = await start_server(self._weights, self._threads)
        self._vim = LlamaVim(url, self._shown)

    def enter(self, name: str, language: str, text: str) -> None:
        self._vim.enter(name, text)

    def press(self, event: dict[str, Any], buffer: Buffer, key: Key) -> None:
        self._pressed, self._key = time.perf_counter(), key
        self._vim.moved(buffer.text, *event["cursor"])

    def _shown(self, text: str) -> None:
        after = time.perf_counter() - self._pressed
        if self._key is not None and self._key.answered_s is None and after < self._key.gap_s:
            self._key.answered_s, self._key.text = after, text

    async def stop(self, played: Played) -> None:
        played.counts = {name: float(value) for name, value in asdict(self._vim.counts).items()}
        played.computed_tokens = self._vim.counts.prompt_tokens + self._vim.counts.generated_tokens
        await self._vim.close()
        assert self._process.stdin
        self._process.stdin.close()
        await self._process.wait()


async def play(system: Sidesight | Peer, traces: Sequence[list[dict[str, Any]]]) -> Played:
    played = Played(system.name)
    await system.start()
    for opened, *events in traces:
        system.enter(opened["open"], opened["language"], opened["text"])
        buffer = Buffer(opened["text"])
        await asyncio.sleep(BETWEEN_FILES_S)
        begun = time.perf_counter()
        following = [event["t"] for event in events[1:]] + [events[-1]["t"] + AFTER_LAST_S]
        for event, next_t in zip(events, following, strict=True):
            await asyncio.sleep(begun + event["t"] - time.perf_counter())
            buffer.apply(event)
            key = Key(next_t - event["t"])
            played.keys.append(key)
            system.press(event, buffer, key)
        await asyncio.sleep(AFTER_LAST_S)
    await system.stop(played)
    return played


def kaplan_meier(keys: Sequence[Key], share: float) -> float:
    """The time by which `share` of keys would be answered, had no next key come; infinite where that is not seen."""
    times = sorted(
        (key.answered_s if key.answered_s is not None else key.gap_s, key.answered_s is None) for key in keys
    )
    waiting, at_risk = 1.0, len(times)
    for seconds, censored in times:
        if not censored:
            waiting *= 1 - 1 / at_risk
            if waiting <= 1 - share:
                return seconds
        at_risk -= 1
    return math.inf


def quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(int(share * len(values)), len(values) - 1)] if values else math.inf


def row(played: Played) -> dict[str, Any]:
    shown = [key.answered_s for key in played.keys if key.answered_s is not None and key.text]
    pauses = [key for key in played.keys if key.gap_s >= PAUSE_S]
    return {
        "system": played.system,
        "keys": len(played.keys),
        **{f"shown_p{int(q * 100)}_ms": quantile(shown, q) * 1000 for q in (0.5, 0.9, 0.99)},
        "shown": len(shown) / len(played.keys),
        "shown_within_5_ms": sum(seconds <= 0.005 for seconds in shown) / len(played.keys),
        "answered": sum(key.answered_s is not None for key in played.keys) / len(played.keys),
        "answered_in_pauses": [sum(key.answered_s is not None for key in pauses), len(pauses)],
        **{f"all_p{int(q * 100)}_ms": kaplan_meier(played.keys, q) * 1000 for q in (0.5, 0.9)},
        "computed_tokens_per_key": played.computed_tokens / len(played.keys),
        "counts": played.counts,
    }


def report(rows: Sequence[dict[str, Any]], model: str, load: float) -> str:
    head = (
        f"# Typing replayed: {model}\n\n`python bench/replay.py`, {os.cpu_count()} cores, load of the machine before "
        f"the run {load:.1f}. Milliseconds from the key to the ghost text; *all keys*: those that the next key "
        "overtook counted as later than that (Kaplan-Meier).\n\n"
        f"| | keys | p50 | p90 | p99 | shown before the next key | within 5 ms | answered in pauses of {PAUSE_S} s "
        "| all keys: p50 | p90 | tokens computed a key |\n|---|---|---|---|---|---|---|---|---|---|---|\n"
    )
    lines = [
        f"| {r['system']} | {r['keys']} | {_ms(r['shown_p50_ms'])} | {_ms(r['shown_p90_ms'])} | "
        f"{_ms(r['shown_p99_ms'])} | {r['shown']:.0%} | {r['shown_within_5_ms']:.0%} | "
        f"{r['answered_in_pauses'][0]} of {r['answered_in_pauses'][1]} | {_ms(r['all_p50_ms'])} | "
        f"{_ms(r['all_p90_ms'])} | {r['computed_tokens_per_key']:.1f} |"
        for r in rows
    ]
    return head + "\n".join(lines) + "\n"


def _ms(value: float) -> str:
    return "never" if math.isinf(value) else f"{value:.0f}"


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--system", action="append", choices=["sidesight", "llama.vim"])
    parser.add_argument("--trace", action="append", help="name of a file in bench/traces, without .jsonl")
    parser.add_argument("--keys", type=int, default=0, help="only so many keys of each trace")
    parser.add_argument("--out", default="replay", help="name in bench/results")
    options = parser.parse_args()
    names = options.trace or sorted(path.stem for path in (HERE / "traces").glob("*.jsonl"))
    traces = [
        [json.loads(line) for line in (HERE / "traces" / f"{name}.jsonl").read_text("utf-8").splitlines()]
        for name in names
    ]
    if options.keys:
        traces = [trace[: options.keys + 1] for trace in traces]
    load = os.getloadavg()[0]
    rows, details = [], []
    for name in options.system or ["llama.vim", "sidesight"]:
        with tempfile.TemporaryDirectory() as state:
            system = (
                Sidesight(options.model, Path(state))
                if name == "sidesight"
                else Peer(options.model, os.cpu_count() or 1)
            )
            played = await play(system, traces)
        rows.append(row(played))
        details.append(asdict(played))
        print(report(rows, options.model, load).splitlines()[-1], played.counts, flush=True)
    results = HERE / "results"
    (results / f"{options.out}.json").write_text(json.dumps({"load": load, "rows": rows, "played": details}), "utf-8")
    (results / f"{options.out}.md").write_text(report(rows, options.model, load), "utf-8")
    print(report(rows, options.model, load))


if __name__ == "__main__":
    asyncio.run(main())
