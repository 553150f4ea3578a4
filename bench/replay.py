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
import contextlib
import json
import math
import os
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx
from llama_vim import LlamaVim, start_server
from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient

from mmcore import config
from mmcore.host import weights

HERE = Path(__file__).parent
BETWEEN_FILES_S = 3.5
AFTER_LAST_S = 5.0


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


class Buffer:
    """The document, edited as the trace says."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")

    def apply(self, event: dict[str, Any]) -> None:
        if "range" in event:
            first, start, last, end = event["range"]
            new = self.lines[first][:start] + event["text"] + self.lines[last][end:]
            self.lines[first : last + 1] = new.split("\n")

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


class Sidesight:
    """`sidesight serve` in a process of its own, with a host of its own."""

    name = "sidesight"

    def __init__(self, model: str, state: Path) -> None:
        self._model = model
        self._state = state
        self._client = LanguageClient("replay", "1")
        self._request: asyncio.Future[Any] | None = None
        self._id = ""
        self._number = 0
        self._watching: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        environment = dict(os.environ, SIDESIGHT_STATE=str(self._state), SIDESIGHT_COMPLETION_MODEL=self._model)
        command = (sys.executable, "-m", "lsp_server", "serve")
        await self._client.start_io(*command, env=environment)
        quiet = lambda params: None  # noqa: E731
        for method in (lsp.WINDOW_SHOW_MESSAGE, lsp.WINDOW_LOG_MESSAGE, lsp.PROGRESS):
            self._client.feature(method)(quiet)
        capabilities = lsp.ClientCapabilities(
            text_document=lsp.TextDocumentClientCapabilities(inline_completion=lsp.InlineCompletionClientCapabilities())
        )
        await self._client.initialize_async(lsp.InitializeParams(capabilities=capabilities, process_id=os.getpid()))
        self._client.initialized(lsp.InitializedParams())
        # Loads the model; what it computes is not counted.
        await self.enter("warm.py", "python", "x = 1\n")
        await self._client.text_document_inline_completion_async(
            self._ask(0, 4, lsp.InlineCompletionTriggerKind.Invoked)
        )
        self._before = await self._metrics()

    async def enter(self, name: str, language: str, text: str) -> None:
        self._uri, self._version = f"file:///replay/{name}", 1
        self._client.text_document_did_open(
            lsp.DidOpenTextDocumentParams(lsp.TextDocumentItem(self._uri, language, 1, text))
        )

    def press(self, event: dict[str, Any], buffer: Buffer, key: Key) -> None:
        pressed = time.perf_counter()
        if self._request is not None and not self._request.done():
            self._client.cancel_request(lsp.CancelParams(self._id))
        if "range" in event:
            first, start, last, end = event["range"]
            self._version += 1
            self._client.text_document_did_change(
                lsp.DidChangeTextDocumentParams(
                    lsp.VersionedTextDocumentIdentifier(self._version, self._uri),
                    [
                        lsp.TextDocumentContentChangePartial(
                            lsp.Range(lsp.Position(first, start), lsp.Position(last, end)), event["text"]
                        )
                    ],
                )
            )
        self._number += 1
        self._id = f"key-{self._number}"
        asked = self._ask(*event["cursor"], lsp.InlineCompletionTriggerKind.Automatic)
        self._request = self._client.protocol.send_request(lsp.TEXT_DOCUMENT_INLINE_COMPLETION, asked, msg_id=self._id)
        task = asyncio.create_task(self._watch(self._request, pressed, key))
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)

    async def _watch(self, request: Any, pressed: float, key: Key) -> None:
        with contextlib.suppress(Exception):
            reply = await asyncio.wrap_future(request) if not asyncio.isfuture(request) else await request
            after = time.perf_counter() - pressed
            if after < key.gap_s:
                key.answered_s = after
                items = reply.items if isinstance(reply, lsp.InlineCompletionList) else reply or []
                key.text = str(items[0].insert_text) if items else ""

    async def stop(self, played: Played) -> None:
        after = await self._metrics()
        delta = {name: after[name] - self._before.get(name, 0) for name in after}
        played.counts = delta
        played.computed_tokens = int(delta["prompt_tokens"] - delta["cached_tokens"] + delta["generated_tokens"])
        await self._client.shutdown_async(None)
        self._client.exit(None)
        await self._client.stop()
        stop = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "lsp_server", "host", "--stop"),
            env=dict(os.environ, SIDESIGHT_STATE=str(self._state)),
        )
        await stop.wait()

    async def _metrics(self) -> dict[str, float]:
        """The host's counters, summed over labels."""
        address = json.loads((self._state / "host.json").read_text())
        token = (self._state / "host.token").read_text().strip()
        root = address["url"].removesuffix("/v1")
        async with httpx.AsyncClient(trust_env=False) as client:
            text = (await client.get(f"{root}/metrics", headers={"Authorization": f"Bearer {token}"})).text
        found: dict[str, float] = {}
        for name, value in re.findall(r"^sidesight_(\w+)_total(?:\{[^}]*\})? (\S+)$", text, re.MULTILINE):
            found[name] = found.get(name, 0.0) + float(value)
        return found

    def _ask(self, line: int, character: int, kind: lsp.InlineCompletionTriggerKind) -> lsp.InlineCompletionParams:
        return lsp.InlineCompletionParams(
            lsp.InlineCompletionContext(kind), lsp.TextDocumentIdentifier(self._uri), lsp.Position(line, character)
        )


class Peer:
    """llama.vim on llama.cpp's server."""

    name = "llama.vim"

    def __init__(self, model: str, threads: int) -> None:
        settings, _ = config.load()
        self._weights = weights.locate(weights.find(model), settings)
        self._threads = threads
        self._pressed = 0.0
        self._key: Key | None = None

    async def start(self) -> None:
        self._process, url = await start_server(self._weights, self._threads)
        self._vim = LlamaVim(url, self._shown)

    async def enter(self, name: str, language: str, text: str) -> None:
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
        await system.enter(opened["open"], opened["language"], opened["text"])
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
    answered = [key.answered_s for key in played.keys if key.answered_s is not None]
    shown = [key.answered_s for key in played.keys if key.answered_s is not None and key.text]
    return {
        "system": played.system,
        "keys": len(played.keys),
        **{f"p{int(q * 100)}": kaplan_meier(played.keys, q) * 1000 for q in (0.5, 0.9, 0.99)},
        "answered": len(answered) / len(played.keys),
        "shown": len(shown) / len(played.keys),
        **{f"shown_p{int(q * 100)}": quantile(shown, q) * 1000 for q in (0.5, 0.9, 0.99)},
        "within_5_ms": sum(seconds <= 0.005 for seconds in shown) / len(played.keys),
        "computed_tokens_per_key": played.computed_tokens / len(played.keys),
        "counts": played.counts,
    }


def report(rows: Sequence[dict[str, Any]], model: str, load: tuple[float, float, float]) -> str:
    head = (
        f"# Typing replayed: {model}\n\n`python bench/replay.py`, {os.cpu_count()} cores, load of the machine before "
        f"the run {load[0]:.1f}. Milliseconds from the key to the answer.\n\n"
        "| | keys | p50 | p90 | p99 | answered before the next key | text shown | shown: p50 | p90 | p99 "
        "| shown within 5 ms | tokens computed a key |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n"
    )
    lines = [
        f"| {r['system']} | {r['keys']} | {_ms(r['p50'])} | {_ms(r['p90'])} | {_ms(r['p99'])} | {r['answered']:.0%} | "
        f"{r['shown']:.0%} | {_ms(r['shown_p50'])} | {_ms(r['shown_p90'])} | {_ms(r['shown_p99'])} | "
        f"{r['within_5_ms']:.0%} | {r['computed_tokens_per_key']:.1f} |"
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
    load = os.getloadavg()
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
    (results / f"{options.out}.json").write_text(json.dumps({"rows": rows, "played": details}, indent=1), "utf-8")
    (results / f"{options.out}.md").write_text(report(rows, options.model, load), "utf-8")
    print(report(rows, options.model, load))


if __name__ == "__main__":
    asyncio.run(main())
