"""The engines of a GGUF model on the CPU, side by side in one run: speed, memory, start, and how well they write.

    python bench/engines.py                 # both models; writes bench/results/engines.md and .json
    python bench/engines.py --add --models qwen2.5-coder-0.5b --rounds 1 --rows 0:20    # a piece more of the same

Each engine is a process of its own. They take turns question by question, so that whatever else the machine does hits
them alike; times are medians of the rounds. Guessing ahead is off but in the row that says so, and has a table of its
own by `guessing.py`. What was measured and is not shipped is in `candidates.py`, which adds columns to the same table.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

from mmcore import config
from mmcore.config import HostSettings
from mmcore.engine.base import ChatRequest, CompletionRequest, LocalEngine, Sampling
from mmcore.host.openvino.runtime import ov
from mmcore.host.weights.catalog import find
from mmcore.host.weights.pull import locate
from mmcore.prompt.fim import render_fim
from mmcore.types import Message

RESULTS = Path(__file__).parent / "results"
SHARED = Path(__file__).parents[2] / "shared"
ENGINES = ("llama.cpp", "openvino")
MODELS = ("qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b")
PREFILLS = (256, 1000, 2800)
DECODED = 48
FUNCTION_LINES = 60
# Rows between two looks of others at the results.
PIECE = 10
# What every round measures first.
ROUND = f"prefill {PREFILLS[0]}, tokens/s"
COMPUTED = "one more token, computed"
PASSED = "single-line infilling, passed"
LAST = ("first start, s", "later start, s", PASSED)


def open_engine(kind: str, model: str) -> LocalEngine:
    path = locate(find(model), config.load()[0])
    if kind == "llama.cpp":
        from mmcore.host.llama import LlamaEngine

        return LlamaEngine(model, path, HostSettings())
    from mmcore.host.openvino.engine import OpenVinoEngine

    return OpenVinoEngine(model, path, HostSettings())


async def answer(kind: str, model: str) -> None:
    """A child: questions as lines of JSON on standard input, an answer a line on standard output."""
    began = time.perf_counter()
    engine = open_engine(kind, model)
    await answer_with(engine, kind, model, began)


async def answer_with(engine: Any, kind: str, model: str, began: float) -> None:
    say({"start_s": time.perf_counter() - began})
    for line in iter(sys.stdin.readline, ""):
        question = json.loads(line)
        if kind == "openvino":
            from mmcore.host.openvino.generation import Generation

            Generation.guessing = question["guess"]
        sampling = Sampling(question["max_tokens"], question["temperature"], seed=1, stop=tuple(question["stop"]))
        request: CompletionRequest | ChatRequest = CompletionRequest(
            model, question["prompt"], sampling, heal=question["heal"]
        )
        if question["chat"]:
            request = ChatRequest(model, (Message("user", question["prompt"]),), sampling)
        began = time.perf_counter()
        first, text, usage = None, "", None
        stream = engine.chat(request) if isinstance(request, ChatRequest) else engine.complete(request)
        async for chunk in stream:
            first = first or time.perf_counter() - began
            text += chunk.text
            usage = chunk.usage or usage
        assert usage is not None
        say(
            {
                "text": text,
                "first_s": first,
                "total_s": time.perf_counter() - began,
                "prompt": usage.prompt_tokens,
                "cached": usage.cached_tokens,
                "generated": usage.completion_tokens,
            }
        )
    await engine.close()


def say(value: dict[str, Any]) -> None:
    print("\x1e" + json.dumps(value), flush=True)


class Child:
    """An engine in its process, which `script` answers in."""

    def __init__(self, kind: str, model: str, cache: Path | None = None, script: str = __file__) -> None:
        environ = dict(os.environ)
        if cache is not None:
            # Weights are found where they are; what an engine makes of them is made again.
            environ["SIDESIGHT_WEIGHTS_PATH"] = str(locate(find(model), config.load()[0]).parent)
            environ["SIDESIGHT_CACHE"] = str(cache)
        self._process = subprocess.Popen(
            [sys.executable, script, "--answer", kind, model],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environ,
        )
        self.start_s: float = self._read()["start_s"]

    def ask(self, prompt: str, max_tokens: int = 1, **options: Any) -> dict[str, Any]:
        question = {"temperature": 0.0, "stop": (), "heal": False, "guess": False, "chat": False} | options
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"prompt": prompt, "max_tokens": max_tokens} | question) + "\n")
        self._process.stdin.flush()
        return self._read()

    @property
    def memory_mb(self) -> float:
        """Of it and what it started, each page once: what would be free without it."""
        process = psutil.Process(self._process.pid)
        return sum(p.memory_full_info().uss for p in (process, *process.children(recursive=True))) / 1e6

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in iter(self._process.stdout.readline, ""):
            if line.startswith("\x1e"):
                value: dict[str, Any] = json.loads(line[1:])
                return value
        raise SystemExit("an engine's process ended; run the file with --answer to see why")


def code(tokens: int, seed: int) -> str:
    """About so many tokens that no cache has seen, nor can guess: names of one token each do not repeat in order."""
    words = ("value", "index", "total", "count", "name", "path", "line", "text", "node", "left", "right", "key", "item")
    pick = random.Random(seed)
    lines = [f"# {seed}"]
    while len(lines) < tokens // 8 + 1:
        a, b, c = (pick.choice(words) for _ in range(3))
        lines.append(f"{a} = {b} + {c}({pick.choice(words)})")
    return "\n".join(lines) + "\n"


def rewrite() -> str:
    """Rename a variable in a function of 60 lines: the answer repeats almost all of the question."""
    body = "\n".join(f"    total = total + {n} * weights[{n}] - offset  # step {n}" for n in range(FUNCTION_LINES - 3))
    return (
        "Rename the parameter `offset` to `bias` in this function. Answer with the whole function and nothing else.\n\n"
        f"```python\ndef score(weights, offset):\n    total = 0\n{body}\n    return total\n```"
    )


def measure(
    children: dict[str, Child],
    seed: int,
    note: Callable[[str, str, float], None],
    guessing: Sequence[bool] = (False, True),
) -> None:
    """A round, of which `note` is told engine, name and value; `seed` makes its prompts others than another's."""
    for tokens in PREFILLS:
        prompt = code(tokens, 10_000 * seed + tokens)
        for kind, child in children.items():
            said = child.ask(prompt)
            note(kind, f"prefill {tokens}, tokens/s", (said["prompt"] - said["cached"]) / said["first_s"])
            if tokens == PREFILLS[-1]:
                said = child.ask(prompt + "x")
                note(kind, "one more token, ms", 1000 * said["first_s"])
                note(kind, COMPUTED, said["prompt"] - said["cached"])
    for name, tokens in (("short", 30), ("2,800", PREFILLS[-1])):
        prompt = code(tokens, 10_000 * seed + PREFILLS[-1])
        for kind, child in children.items():
            # So hot that no sign of the end comes.
            note(kind, f"decode at {name}, tokens/s", rate(child.ask(prompt, DECODED, temperature=2.0)))
    for guess in guessing:
        name = "guessing ahead" if guess else "plain"
        for kind, child in children.items():
            said = child.ask(rewrite(), 400, chat=True, guess=guess)
            note(kind, f"rewrite of {FUNCTION_LINES} lines, {name}, tokens/s", rate(said))
    for kind, child in children.items():
        note(kind, "memory, MB", child.memory_mb)


def rate(said: dict[str, Any]) -> float:
    """Tokens a second after the first."""
    return float((said["generated"] - 1) / (said["total_s"] - said["first_s"]))


def passed(children: dict[str, Child], rows: range, data: Path) -> dict[str, dict[str, list[float]]]:
    """Which rows' tests pass with the line that each engine writes: 1 or 0 for each of the rows."""
    sys.path.insert(0, str(data / "tools"))
    from score_code import fill_in_the_middle

    found: dict[str, dict[str, list[float]]] = {kind: {PASSED: []} for kind in children}
    for row in sample(data / "data" / "fim" / "humaneval_single_line.jsonl", rows):
        for kind, child in children.items():
            line = child.ask(render_fim(row["prompt"], row["suffix"]), 96, stop=("\n",))["text"]
            ok, _ = fill_in_the_middle(row, line + "\n")
            found[kind][PASSED].append(float(ok))
    return found


def sample(path: Path, rows: range) -> Iterator[dict[str, Any]]:
    """These of the rows in an order that is always the same, and none that the file has."""
    every = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    shuffled = random.Random(0).sample(every, len(every))
    yield from shuffled[rows.start : rows.stop]


def machine() -> str:
    """The processor as OpenVINO names it, its generation where Linux tells it, and how many of its cores there are."""
    name = ov.Core().get_property("CPU", "FULL_DEVICE_NAME")
    about = Path("/proc/cpuinfo")
    # A rented machine says "AMD EPYC" of any, and one may be twice as fast as another.
    told = dict(re.findall(r"^(cpu family|model)\s*: (\d+)$", about.read_text(), re.M)) if about.exists() else {}
    generation = "".join(f", {what.removeprefix('cpu ')} {number}" for what, number in told.items())
    return f"{name}{generation}, {os.cpu_count()} cores"


class Results:
    """Everything measured, by machine, model, engine and name, in a file that is written after each piece.

    What other machines measured stays; of this one only if `keep`.
    """

    def __init__(self, keep: bool) -> None:
        self._path = RESULTS / "engines.json"
        self._machines: dict[str, dict[str, dict[str, dict[str, list[float]]]]] = {}
        if self._path.exists():
            self._machines = json.loads(self._path.read_text("utf-8"))
        if not keep:
            self._machines.pop(machine(), None)
        self._models = self._machines.setdefault(machine(), {})

    def note(self, model: str, kind: str, name: str, value: float) -> None:
        self.add(model, {kind: {name: [value]}})

    def add(self, model: str, found: dict[str, dict[str, list[float]]]) -> None:
        for kind, values in found.items():
            there = self._models.setdefault(model, {}).setdefault(kind, {})
            for name, numbers in values.items():
                there[name] = [*there.get(name, []), *numbers]
        RESULTS.mkdir(exist_ok=True)
        self._path.write_text(json.dumps(self._machines, indent=1) + "\n", "utf-8")
        how = "Medians of interleaved rounds; ×: of llama.cpp's, round by round where both ran in it."
        lines = ["# Engines on the CPU", "", how]
        for where, models in self._machines.items():
            lines += ["", f"## {where}"]
            for model, kinds in models.items():
                lines += ["", *table(model, kinds)]
        self._path.with_suffix(".md").write_text("\n".join(lines) + "\n", "utf-8")

    def show(self, model: str) -> None:
        print("\n".join(table(model, self._models[model])), flush=True)


def table(model: str, found: dict[str, dict[str, list[float]]]) -> list[str]:
    kinds = list(found)
    rounds = max(len(values.get(ROUND, ())) for values in found.values())
    heads = [kind if found[kind] else f"{kind}: does not load it" for kind in kinds]
    lines = [f"### {model}", "", f"| rounds: {rounds} | {' | '.join(heads)} |", "|---|" + "---:|" * len(kinds)]
    names = dict.fromkeys(name for values in found.values() for name in values)
    for name in sorted(names, key=lambda name: LAST.index(name) if name in LAST else -1):
        cells = [cell(found[kind].get(name), found[kinds[0]].get(name), name) for kind in kinds]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def cell(numbers: list[float] | None, first: list[float] | None, name: str) -> str:
    if not numbers:
        return ""
    if name == PASSED:
        return f"{sum(numbers):.0f} of {len(numbers)}"
    value = statistics.median(numbers)
    if not first or first is numbers or not all(first):
        return f"{value:,.1f}"
    # Within a round, where it can be: from one to the next a machine may be half as fast.
    pairs = zip(numbers, first, strict=True) if len(numbers) == len(first) else [(value, statistics.median(first))]
    return f"{value:,.1f} · {statistics.median(own / its for own, its in pairs):.2f}×"


def a_range(text: str) -> range:
    begin, _, end = text.rpartition(":")
    return range(int(begin or 0), int(end))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--engines", nargs="+", default=ENGINES, choices=ENGINES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=a_range, default=range(100), help="of single-line infilling: 100, 50:100, or 0")
    parser.add_argument("--warm", action="store_true", help="leave out the starts, of which the first converts weights")
    parser.add_argument("--add", action="store_true", help="to what earlier runs measured, in place of it")
    parser.add_argument("--shared", type=Path, default=SHARED, help="the folder with data/ and tools/")
    parser.add_argument("--answer", nargs=2, metavar=("ENGINE", "MODEL"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.answer:
        asyncio.run(answer(*arguments.answer))
        return
    results = Results(arguments.add)
    for model in arguments.models:
        for kind in () if arguments.warm else arguments.engines:
            with tempfile.TemporaryDirectory() as cache:
                child = Child(kind, model, Path(cache))
                results.add(model, {kind: {"first start, s": [child.start_s]}})
                child.close()
        children = {kind: Child(kind, model) for kind in arguments.engines}
        if not arguments.warm:
            results.add(model, {kind: {"later start, s": [child.start_s]} for kind, child in children.items()})
        for turn in range(arguments.rounds):
            seed = random.Random().randrange(1 << 20) if arguments.add else turn
            measure(children, seed, functools.partial(results.note, model))
        for begin in range(arguments.rows.start, arguments.rows.stop, PIECE):
            some = range(begin, min(begin + PIECE, arguments.rows.stop))
            results.add(model, passed(children, some, arguments.shared))
        for child in children.values():
            child.close()
        results.show(model)


if __name__ == "__main__":
    main()
