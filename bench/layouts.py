"""Compare prompt layouts: what they pass of HumanEval-infilling, and what a key costs.

    python bench/layouts.py --model qwen2.5-coder-0.5b          # goes on where the last run ended
    python bench/layouts.py --seconds 270 --only prefix-last    # a slice: stops after so long

Passed: our whole pipeline (shape, window, trim, vet), only the prompt differs. A key: the tokens that are not the
prompt of the key before, counted by the model's tokenizer over the traces of `replay.py`; a prompt cache that keeps
prefixes computes these. Writes bench/results/layouts.md, and every completion to layouts.json.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
from editor import Buffer
from llama_vim import start_server

from mmcore import config
from mmcore.completion.front import steady
from mmcore.completion.pace import Pace
from mmcore.completion.place import Place
from mmcore.completion.plan import Planner
from mmcore.completion.trim import trim
from mmcore.completion.vet import probability, unknown_names, without_new_errors
from mmcore.completion.window import Window, window
from mmcore.context.surroundings import Surroundings
from mmcore.engine import launch
from mmcore.engine.base import Engine
from mmcore.host.weights.catalog import find
from mmcore.host.weights.pull import locate
from mmcore.prompt.budget import characters
from mmcore.prompt.fim import plain

HERE = Path(__file__).parent
SHARED = HERE.parents[1] / "shared"
RESULTS = HERE / "results" / "layouts.json"
SETS = {"single lines": ("humaneval_single_line", 40), "random spans": ("humaneval_random_span_light", 41)}
PROMPT_TOKENS = 1536


def usual(around: Window) -> str:
    return f"<|fim_prefix|>{plain(around.prefix)}<|fim_suffix|>{plain(around.suffix)}<|fim_middle|>"


def line_last(around: Window) -> str:
    """llama.vim's README: the cursor's line after the middle token."""
    cut = around.prefix.rfind("\n") + 1
    return usual(Window(around.prefix[:cut], around.suffix)) + plain(around.prefix[cut:])


def suffix_first(around: Window) -> str:
    return f"<|fim_suffix|>{plain(around.suffix)}<|fim_prefix|>{plain(around.prefix)}<|fim_middle|>"


def prefix_last(around: Window) -> str:
    return f"<|fim_prefix|><|fim_suffix|>{plain(around.suffix)}<|fim_middle|>{plain(around.prefix)}"


def without_closers(around: Window) -> str:
    """What `steady` leaves of a suffix whose closers the editor set after the prompt was cached."""
    return prefix_last(Window(around.prefix, around.suffix.lstrip(")]}>\"'`")))


def short_suffix(around: Window) -> str:
    """A quarter of the suffix: what a slow machine would save."""
    kept = around.suffix[: max(len(around.suffix) // 4, 120)]
    return prefix_last(Window(around.prefix, kept[: kept.rfind("\n") + 1] or kept))


def late_suffix(around: Window) -> str:
    """The suffix as it was one line ago: what a suffix that is kept while the cursor moves down would be."""
    above = around.prefix[: around.prefix.rfind("\n") + 1]
    return prefix_last(Window(around.prefix, above[above[:-1].rfind("\n") + 1 :] + around.suffix))


LAYOUTS: dict[str, Callable[[Window], str]] = {
    "usual": usual,
    "line-last": line_last,
    "suffix-first": suffix_first,
    "prefix-last": prefix_last,
    "prefix-last, healed": prefix_last,
    "prefix-last, closers frozen": without_closers,
    "prefix-last, short suffix": short_suffix,
    "prefix-last, suffix a line late": late_suffix,
}


def rows_of(name: str) -> list[dict[str, Any]]:
    file, count = SETS[name]
    path = SHARED / "data" / "fim" / f"{file}.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return rows[:: max(len(rows) // count, 1)][:count]


def prompt_of(layout: str, place: Place) -> str:
    around = window(place.before + place.after, len(place.before), characters(PROMPT_TOKENS))
    return LAYOUTS[layout](around)


async def write(engine: Engine, planner: Planner, layout: str, row: dict[str, Any]) -> dict[str, Any]:
    """What the model writes for a row, before it is trimmed."""
    place = Place("file:///row.py", "python", row["prompt"], row["suffix"])
    plan = await planner.asked(place, Surroundings(), invoked=True)
    prompt = prompt_of(layout, place)
    request = dataclasses.replace(plan.request, prompt=prompt, heal=layout.endswith("healed"), logprobs=True)
    text, logprobs = "", list[float]()
    async with aclosing(engine.complete(request)) as stream:
        async for chunk in stream:
            text += chunk.text
            logprobs += chunk.logprobs
            if plan.ends is not None and (end := plan.ends(text)) < len(text):
                text = text[:end]
                break
    return {"task": row["task_id"], "raw": text, "probability": probability(logprobs, len(unknown_names(place, text)))}


def score(row: dict[str, Any], raw: str) -> dict[str, Any]:
    sys.path.insert(0, str(SHARED / "tools"))
    from score_code import fill_in_the_middle

    place = Place("file:///row.py", "python", row["prompt"], row["suffix"])
    trimmed = trim(raw, place.before, place.after)
    vetted = without_new_errors(place, trimmed)
    passed = bool(fill_in_the_middle(row, trimmed)[0])
    passed_vetted = passed if vetted == trimmed else bool(fill_in_the_middle(row, vetted)[0])
    return {"passed": passed, "vetted": passed_vetted, "cut": vetted != trimmed}


async def tokens_per_key(model: str) -> dict[str, dict[str, float]]:
    """For each layout: mean, median and 90th percentile of the tokens to compute at a key."""
    settings, _ = config.load()
    process, url = await start_server(locate(find(model), settings), 1)
    found = {}
    async with httpx.AsyncClient(base_url=url, timeout=None) as client:

        async def tokens(text: str) -> list[int]:
            reply = await client.post("/tokenize", json={"content": text, "parse_special": True})
            return list(reply.json()["tokens"])

        for name in ("usual", "line-last", "prefix-last", "prefix-last, steady"):
            costs: list[int] = []
            for path in sorted((HERE / "traces").glob("*.jsonl")):
                opened, *events = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
                buffer, before, front = Buffer(opened["text"]), [], None
                for event in events:
                    buffer.apply(event)
                    line, column = event["cursor"]
                    offset = sum(len(text) + 1 for text in buffer.lines[:line]) + column
                    around = window(buffer.text, offset, characters(PROMPT_TOKENS))
                    if name.endswith("steady"):
                        front = around = steady(front, around)
                    now = await tokens(LAYOUTS[name.removesuffix(", steady")](around))
                    if before:
                        costs.append(len(now) - _common(before, now))
                    before = now
            found[name] = {
                "mean": statistics.fmean(costs),
                "median": statistics.median(costs),
                "p90": sorted(costs)[int(0.9 * len(costs))],
            }
    assert process.stdin
    process.stdin.close()
    await process.wait()
    return found


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def report(done: dict[str, Any]) -> str:
    lines = [
        "# Prompt layouts",
        "",
        "`python bench/layouts.py`, greedy, our whole pipeline; passed of tried (with the syntax check).",
        "",
        "| model | layout | " + " | ".join(SETS) + " |",
        "|---" * (2 + len(SETS)) + "|",
    ]
    for model in sorted({key.split("/")[0] for key in done["passed"]}):
        for layout in LAYOUTS:
            cells = []
            for name in SETS:
                results = list(done["passed"].get(f"{model}/{layout}/{name}", {}).values())
                passed, vetted = sum(r["passed"] for r in results), sum(r["vetted"] for r in results)
                cells.append(f"{passed} ({vetted}) / {len(results)}" if results else "")
            if any(cells):
                lines.append(f"| {model} | {layout} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "Tokens to compute at a key, over the traces:",
        "",
        "| layout | mean | median | p90 |",
        "|---|---|---|---|",
    ]
    for layout, cost in done.get("tokens_per_key", {}).items():
        lines.append(f"| {layout} | {cost['mean']:.1f} | {cost['median']:.0f} | {cost['p90']:.0f} |")
    return "\n".join(lines) + "\n"


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--only", action="append", choices=list(LAYOUTS))
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this long; run again to go on")
    parser.add_argument("--tokens", action="store_true", help="count tokens a key and do nothing else")
    options = parser.parse_args()
    done = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {"passed": {}}
    started = time.monotonic()
    if options.tokens or "tokens_per_key" not in done:
        done["tokens_per_key"] = await tokens_per_key(options.model)
    if not options.tokens:
        settings, _ = config.load({"completion": {"model": options.model, "prompt_tokens": PROMPT_TOKENS}})
        engine = launch.connect(settings)
        planner = Planner(settings.completion, Pace(time.perf_counter))
        for layout in options.only or LAYOUTS:
            for name in SETS:
                results = done["passed"].setdefault(f"{options.model}/{layout}/{name}", {})
                for row in rows_of(name):
                    if row["task_id"] in results or time.monotonic() - started > options.seconds:
                        continue
                    written = await write(engine, planner, layout, row)
                    results[row["task_id"]] = {**written, **score(row, written["raw"])}
                    RESULTS.write_text(json.dumps(done, indent=1), "utf-8")
                print(layout, name, sum(r["passed"] for r in results.values()), "of", len(results), flush=True)
        await engine.close()
    RESULTS.write_text(json.dumps(done, indent=1), "utf-8")
    (HERE / "results" / "layouts.md").write_text(report(done), "utf-8")
    print(report(done))


if __name__ == "__main__":
    asyncio.run(main())
