"""llama.vim's way of talking to llama.cpp, as the peer of `replay.py`: what its script does, on its server.

Written after `autoload/llama.vim` of ggml-org/llama.vim at a1c8e6e (January 2026), with its default settings. The
server is llama.cpp's own (`xllamacpp`), set as llama.cpp's presets `--fim-qwen-…-default` do. Run as a program, this
file is that server.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

N_PREFIX, N_SUFFIX, N_PREDICT = 256, 64, 128
T_MAX_PROMPT_MS, T_MAX_PREDICT_MS, T_FIRST_MS = 500, 1000, 250
MAX_LINE_SUFFIX, CACHE_KEYS, LOOK_BACK = 8, 250, 128
RING_CHUNKS, CHUNK, SCOPE, RING_UPDATE_S = 16, 64, 1024, 1.0
BUSY_S = 0.1


@dataclass
class Counts:
    requests: int = 0
    ring_requests: int = 0
    prompt_tokens: int = 0
    generated_tokens: int = 0


@dataclass
class Context:
    prefix: str
    middle: str
    suffix: str
    indent: int
    rest_of_line: str


@dataclass
class LlamaVim:
    """One Vim. `shown` is called with the text when a suggestion appears, or with "" where it is known to be none."""

    url: str
    shown: Callable[[str], None]
    counts: Counts = field(default_factory=Counts)

    def __post_init__(self) -> None:
        self.lines: list[str] = [""]
        self.line = self.column = 0
        self.name = ""
        self.normal_mode = True
        self._cache: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._ring: list[list[str]] = []
        self._queued: list[list[str]] = []
        self._picked_at = -9999
        self._hint: str | None = None
        self._job: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._moved = time.monotonic()
        self._dice = random.Random(1)
        self._client = httpx2.AsyncClient(base_url=self.url, timeout=None)
        self._ring_task = asyncio.create_task(self._update_ring())
        self._others: set[asyncio.Task[Any]] = set()

    async def close(self) -> None:
        if self._timer:
            self._timer.cancel()
        tasks = [self._ring_task, *self._others, *([self._job] if self._job else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.aclose()

    def enter(self, name: str, text: str) -> None:
        """BufLeave of the buffer before, BufEnter of this one; in normal mode until a key comes."""
        if self.name:
            self._pick_near()
        self.name, self.lines, self.line, self.column, self.normal_mode = name, text.split("\n"), 0, 0, True
        asyncio.get_running_loop().call_later(0.1, self._pick_near)

    def moved(self, text: str, line: int, column: int) -> None:
        """CursorMovedI: the two handlers that the script sets, in its order."""
        self.lines, self.line, self.column, self.normal_mode = text.split("\n"), line, column, False
        self._moved = time.monotonic()
        self._hint = None
        self._try_hint()
        self._fim([])

    def _pick_near(self) -> None:
        self._pick(self.lines[max(self.line - CHUNK // 2, 0) : self.line + CHUNK // 2 + 1], evict=True)

    def _context(self, previous: list[str]) -> Context:
        if not previous:
            current = self.lines[self.line]
            before, after = current[: self.column], current[self.column :]
            prefix = self.lines[max(self.line - N_PREFIX, 0) : self.line]
            indent = len(current) - len(current.lstrip())
            if not current.strip():
                before = after = ""
                indent = 0
        else:
            current = self.lines[self.line] + previous[0] if len(previous) == 1 else previous[-1]
            before, after, indent = current, "", self._indent
            prefix = self.lines[max(self.line - N_PREFIX + len(previous) - 1, 0) : self.line]
            if len(previous) > 1:
                prefix = [*prefix, self.lines[self.line] + previous[0], *previous[1:-1]]
        suffix = self.lines[self.line + 1 : self.line + 1 + N_SUFFIX]
        return Context("\n".join(prefix) + "\n", before, after + "\n" + "\n".join(suffix) + "\n", indent, after)

    _indent = 0

    def _fim(self, previous: list[str]) -> None:
        if self._job is not None:
            if self._timer:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(BUSY_S, self._fim, previous)
            return
        context = self._context(previous)
        if len(context.rest_of_line) > MAX_LINE_SUFFIX:
            return
        keys = [(context.prefix + context.middle, context.suffix)]
        trimmed = context.prefix
        for _ in range(3):
            trimmed = trimmed.partition("\n")[2]
            if not trimmed:
                break
            keys.append((trimmed + context.middle, context.suffix))
        if any(key in self._cache for key in keys):
            return
        self._indent = context.indent
        near = self.lines[max(self.line - CHUNK // 2, 0) : self.line + CHUNK // 2 + 1]
        first = self._dice.randint(0, max(len(near) - CHUNK // 2, 0))
        chunk = near[first : first + CHUNK // 2 + 1]
        self._ring = [other for index, other in enumerate(self._ring) if index == 0 or similarity(other, chunk) <= 0.5]
        request = {
            "id_slot": 0,
            "input_prefix": context.prefix,
            "input_suffix": context.suffix,
            "input_extra": self._extra(),
            "prompt": context.middle,
            "n_predict": N_PREDICT,
            "stop": [],
            "n_indent": context.indent,
            "top_k": 40,
            "top_p": 0.90,
            "samplers": ["top_k", "top_p", "infill"],
            "stream": False,
            "cache_prompt": True,
            "t_max_prompt_ms": T_MAX_PROMPT_MS,
            "t_max_predict_ms": T_MAX_PREDICT_MS if previous else T_FIRST_MS,
            "response_fields": ["content", "timings/prompt_n", "timings/predicted_n"],
        }
        self._job = asyncio.create_task(self._ask(request, keys))
        if abs(self.line - self._picked_at) > 32:
            self._pick(self.lines[max(self.line - SCOPE, 0) : max(self.line - N_PREFIX, 0) + 1], evict=False)
            after = self.line + N_SUFFIX
            self._pick(self.lines[min(after, len(self.lines) - 1) : after + CHUNK + 1], evict=False)
            self._picked_at = self.line

    async def _ask(self, request: dict[str, Any], keys: list[tuple[str, str]]) -> None:
        try:
            self.counts.requests += 1
            content = await self._post(request)
        finally:
            self._job = None
        for key in keys:
            self._cache.pop(key, None)
            self._cache[key] = content
            if len(self._cache) > CACHE_KEYS:
                self._cache.popitem(last=False)
        if not self._hint:
            self._try_hint()

    async def _post(self, request: dict[str, Any]) -> str:
        answer = (await self._client.post("/infill", json=request)).json()
        self.counts.prompt_tokens += answer.get("timings/prompt_n", 0)
        self.counts.generated_tokens += answer.get("timings/predicted_n", 0)
        return str(answer.get("content", ""))

    def _try_hint(self) -> None:
        if self.normal_mode:
            return
        context = self._context([])
        before = context.prefix + context.middle
        content = self._get((before, context.suffix))
        if content is None:
            for back in range(1, LOOK_BACK + 1):
                earlier = self._get((before[:-back], context.suffix))
                if earlier and earlier.startswith(before[-back:]) and len(earlier) - back > len(content or ""):
                    content = earlier[back:]
        if content is not None:
            self._render(content)
            if self._hint:
                self._fim(self._hint.split("\n"))

    def _get(self, key: tuple[str, str]) -> str | None:
        if key in self._cache:
            self._cache.move_to_end(key)
        return self._cache.get(key)

    def _render(self, content: str) -> None:
        """What it shows: nothing where the suggestion repeats the lines that follow."""
        lines = content.rstrip("\n").split("\n")
        current = self.lines[self.line]
        if not current.strip():
            lead = min(len(lines[0]) - len(lines[0].lstrip()), len(current))
            current, lines[0] = lines[0][:lead], lines[0][lead:]
        before, after = current[: self.column], current[self.column :]
        if (len(lines) > 1 and not lines[0] and lines[1:] == self.lines[self.line + 1 : self.line + len(lines)]) or (
            len(lines) == 1 and lines[0] == after
        ):
            lines = [""]
        follow = self.line + 1
        while follow < len(self.lines) - 1 and not self.lines[follow].strip():
            follow += 1
        if follow < len(self.lines) and before + lines[0] == self.lines[follow]:
            rest = self.lines[follow + 1 : follow + len(lines)]
            if len(lines) == 1 or (len(lines) == 2 and rest and rest[0].startswith(lines[1])) or lines[1:] == rest:
                lines = [""]
        self._hint = "\n".join(lines)
        self.shown(self._hint)

    def _extra(self) -> list[dict[str, Any]]:
        return [{"text": "\n".join(chunk) + "\n", "time": 0, "filename": self.name} for chunk in self._ring]

    def _pick(self, text: list[str], *, evict: bool) -> None:
        if len(text) < 3:
            return
        if len(text) + 1 >= CHUNK:
            first = self._dice.randint(0, max(0, len(text) - CHUNK // 2))
            text = text[first : first + CHUNK // 2 + 1]
        if text in self._ring or text in self._queued:
            return
        for chunks in (self._queued, self._ring):
            for index in range(len(chunks) - 1, 0, -1):
                if similarity(chunks[index], text) > 0.9:
                    if not evict:
                        return
                    del chunks[index]
        self._queued = [*self._queued, text][-16:]

    async def _update_ring(self) -> None:
        while True:
            await asyncio.sleep(RING_UPDATE_S)
            idle = self.normal_mode or time.monotonic() - self._moved >= 3.0
            if not idle or not self._queued:
                continue
            self._ring = [*self._ring, self._queued.pop(0)][-RING_CHUNKS:]
            request = {
                "id_slot": 0,
                "input_prefix": "",
                "input_suffix": "",
                "input_extra": self._extra(),
                "prompt": "",
                "n_predict": 0,
                "temperature": 0.0,
                "samplers": [],
                "stream": False,
                "cache_prompt": True,
                "t_max_prompt_ms": 1,
                "t_max_predict_ms": 1,
                "response_fields": ["timings/prompt_n"],
            }
            self.counts.ring_requests += 1
            task = asyncio.create_task(self._post(request))
            self._others.add(task)
            task.add_done_callback(self._others.discard)


def similarity(one: list[str], other: list[str]) -> float:
    return 2.0 * sum(line in other for line in one) / (len(one) + len(other))


async def start_server(weights: Path, threads: int, chunk: int = 256) -> tuple[asyncio.subprocess.Process, str]:
    """llama.cpp's server and its address; `chunk`: tokens, the least piece reused behind a change (0: none)."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        str(weights),
        str(threads),
        str(chunk),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    return process, json.loads(await process.stdout.readline())["address"]


def serve(weights: str, threads: int, chunk: int) -> None:
    import os

    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = weights
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.ui = False
    params.verbosity = 1
    params.n_parallel = 1
    params.n_ctx = 0
    params.n_batch = params.n_ubatch = 1024
    params.n_cache_reuse = chunk
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    server = xllamacpp.Server(params)
    print(json.dumps({"address": server.listening_address}), flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
