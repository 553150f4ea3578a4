"""What a key costs: the tokens of its prompt that the prompt of the key before does not begin with.

Over the traces of `replay.py`. A cache of prompts that keeps prefixes computes these; llama.cpp's reuse of chunks that
have moved is asked of its server.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from editor import Buffer
from llama_vim import start_server

from mmcore import config
from mmcore.completion.front import steady
from mmcore.completion.pace import Pace
from mmcore.completion.place import Place
from mmcore.completion.plan import Planner
from mmcore.completion.window import Window, window
from mmcore.context.index import WorkspaceIndex, index_path, update
from mmcore.context.surroundings import Surroundings
from mmcore.host.weights.catalog import find
from mmcore.host.weights.pull import locate
from mmcore.prompt.budget import characters
from mmcore.prompt.fim import plain, render_fim
from mmcore.types import Document, Snippet

HERE = Path(__file__).parent
ROOT = HERE.parent
# As for a block's least share in mmcore/completion/plan.py.
SNIPPETS_SHARE = 0.25
# A pause in which the engine may read what the next key will need.
PAUSE_S = 0.9
# Tokens: the least piece that llama.cpp looks for behind what has changed. It goes on in its cache only, never in the
# prompt: a piece is found where the new prompt leaves something out, not where it puts something in.
CHUNK = 1

Layout = Callable[[Window], str]


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a trace: the place after it, and the seconds until the next."""

    path: Path
    place: Place
    pause_s: float


def traces() -> Iterator[list[Key]]:
    for path in sorted((HERE / "traces").glob("*.jsonl")):
        opened, *events = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        buffer, keys = Buffer(opened["text"]), list[Key]()
        following = [event["t"] for event in events[1:]] + [events[-1]["t"]]
        file = ROOT / opened["open"]
        for event, then in zip(events, following, strict=True):
            buffer.apply(event)
            line, column = event["cursor"]
            offset = sum(len(text) + 1 for text in buffer.lines[:line]) + column
            text = buffer.text
            place = Place(file.as_uri(), opened["language"], text[:offset], text[offset:])
            keys.append(Key(file, place, then - event["t"]))
        yield keys


class Server:
    """llama.cpp's server, for its tokenizer and for its cache."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def tokens(self, text: str) -> list[int]:
        reply = await self._client.post("/tokenize", json={"content": text, "parse_special": True})
        return list(reply.json()["tokens"])

    async def computed(self, prompt: str) -> int:
        """How many tokens it computes to have read `prompt`."""
        return int((await self._complete(prompt, 0, ()))["timings"]["prompt_n"])

    async def write(self, prompts: Sequence[str], tokens: int, stop: Sequence[str]) -> str:
        """What follows the last of `prompts`, greedily, after each has been read: they grow as a user types."""
        for prompt in prompts[:-1]:
            await self.computed(prompt)
        return str((await self._complete(prompts[-1], tokens, stop))["content"])

    async def _complete(self, prompt: str, tokens: int, stop: Sequence[str]) -> dict[str, Any]:
        body = {"prompt": prompt, "n_predict": tokens, "temperature": 0.0, "stop": list(stop), "cache_prompt": True}
        reply = await self._client.post("/completion", json=body)
        return dict(reply.raise_for_status().json())


@asynccontextmanager
async def llama_cpp(model: str, chunk: int, threads: int = 2) -> AsyncIterator[Server]:
    """A server that reuses pieces of at least `chunk` tokens; 0: only what prompts begin with."""
    settings, _ = config.load()
    process, url = await start_server(locate(find(model), settings), threads, chunk)
    try:
        async with httpx2.AsyncClient(base_url=url, timeout=None) as client:
            yield Server(client)
    finally:
        assert process.stdin
        process.stdin.close()
        await process.wait()


async def prefixes(server: Server, layout: Layout, prompt_tokens: int, *, steadily: bool = False) -> dict[str, float]:
    """The document alone; `steadily`: with its suffix kept as `steady` keeps it."""
    windows = (_windows(keys, prompt_tokens) for keys in traces())
    kept = (_steady(some) if steadily else some for some in windows)
    return await _counted(server, ([layout(around) for around in some] for some in kept))


async def chunks(server: Server, layout: Layout, prompt_tokens: int) -> dict[str, float]:
    """The same as llama.cpp's server counts it."""
    costs: list[int] = []
    for keys in traces():
        first, *others = [layout(around) for around in _windows(keys, prompt_tokens)]
        await server.computed(first)
        costs += [await server.computed(prompt) for prompt in others]
    return _summary(costs)


async def context(server: Server, prompt_tokens: int) -> AsyncIterator[tuple[str, dict[str, float]]]:
    """With code of other files of this repository: chosen anew at every key, in three places; and as we do it."""
    update(ROOT, index_path(ROOT))
    index = WorkspaceIndex(ROOT)
    orders = {"in front": False, "in front, those that stood there first": True, "before the prefix": False}
    for order, stable in orders.items():
        rendered = []
        for keys in traces():
            prompts, last = [], tuple[Snippet, ...]()
            for key in keys:
                last = _chosen(index, key, prompt_tokens, last if stable else ())
                prompts.append(_with(last, key.place, prompt_tokens, front=order.startswith("in front")))
            rendered.append(prompts)
        yield f"chosen at every key, {order}", await _counted(server, rendered)
    yield "chosen in pauses, in front, those that stood there first", await _planned(server, prompt_tokens)


async def _planned(server: Server, prompt_tokens: int) -> dict[str, float]:
    """What mmcore/completion asks for; `pauses`: the mean of what is computed in each pause, while nobody waits."""
    settings, _ = config.load({"completion": {"prompt_tokens": prompt_tokens}})
    costs, pauses = list[int](), list[int]()
    index = WorkspaceIndex(ROOT)
    for keys in traces():
        planner, before = Planner(settings.completion, Pace(time.perf_counter)), list[int]()
        for key in keys:
            around = Surroundings(key.path, (index,))
            plan = await planner.asked(key.place, around, invoked=True)
            now = await server.tokens(plan.request.prompt)
            if before:
                costs.append(_new(before, now))
            before = now
            if key.pause_s >= PAUSE_S:
                plan = await planner.reading(key.place, around)
                planner.was_read(key.place)
                now = await server.tokens(plan.request.prompt)
                pauses.append(_new(before, now))
                before = now
    return _summary(costs) | {"pauses": statistics.fmean(pauses)}


def _chosen(index: WorkspaceIndex, key: Key, tokens: int, known: Sequence[Snippet]) -> tuple[Snippet, ...]:
    place = key.place
    alone = window(place.before + place.after, len(place.before), characters(tokens))
    shown = len(place.before) - len(alone.prefix), len(place.before) + len(alone.suffix)
    most = max(int(characters(tokens) * SNIPPETS_SHARE), characters(tokens) - len(alone.prefix) - len(alone.suffix))
    document = Document(place.uri, place.language, place.before + place.after, path=key.path)
    found = Surroundings(key.path, (index,)).snippets(document, len(place.before), shown, most)
    kept = [snippet for snippet in known if snippet in found]
    return (*kept, *(snippet for snippet in found if snippet not in kept))


def _with(snippets: Sequence[Snippet], place: Place, tokens: int, *, front: bool) -> str:
    room = characters(tokens) - sum(len(snippet.text) for snippet in snippets)
    around = window(place.before + place.after, len(place.before), room)
    if front:
        return render_fim(around.prefix, around.suffix, snippets)
    files = "".join(f"# {s.path.as_posix()}\n{plain(s.text)}\n\n" for s in snippets)
    return render_fim(files + around.prefix, around.suffix)


def _windows(keys: Sequence[Key], tokens: int) -> Iterator[Window]:
    for key in keys:
        yield window(key.place.before + key.place.after, len(key.place.before), characters(tokens))


def _steady(windows: Iterator[Window]) -> Iterator[Window]:
    last = None
    for around in windows:
        last = steady(last, around)
        yield last


async def _counted(server: Server, rendered: Iterable[list[str]]) -> dict[str, float]:
    costs: list[int] = []
    for prompts in rendered:
        before: list[int] = []
        for prompt in prompts:
            now = await server.tokens(prompt)
            if before:
                costs.append(_new(before, now))
            before = now
    return _summary(costs)


def _new(before: Sequence[int], now: Sequence[int]) -> int:
    same = next((i for i, (a, b) in enumerate(zip(before, now, strict=False)) if a != b), min(len(before), len(now)))
    return len(now) - same


def _summary(costs: Sequence[int]) -> dict[str, float]:
    return {
        "mean": statistics.fmean(costs),
        "median": statistics.median(costs),
        "p90": sorted(costs)[int(0.9 * len(costs))],
    }
