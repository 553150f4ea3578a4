"""Compare prompt layouts: what they pass of HumanEval-infilling, and what a key costs.

    python bench/layouts.py --model qwen2.5-coder-0.5b          # goes on where the last run ended
    python bench/layouts.py --seconds 270 --only prefix-last    # a slice: stops after so long

Passed: our whole pipeline (shape, window, trim, vet), only the prompt differs. Where llama.cpp answers instead of our
engine, the last characters before the cursor are typed to it one by one, so that it has what it keeps from them. A
key: see `keys.py`. Writes bench/results/layouts.md, and every completion to layouts.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import keys

from mmcore import config
from mmcore.completion.pace import Pace
from mmcore.completion.place import Place
from mmcore.completion.plan import Planner
from mmcore.completion.trim import trim
from mmcore.completion.vet import probability, unknown_names, without_new_errors
from mmcore.completion.window import Window, window
from mmcore.context.surroundings import Surroundings
from mmcore.engine import launch
from mmcore.engine.base import Engine
from mmcore.prompt.budget import characters
from mmcore.prompt.fim import plain

HERE = Path(__file__).parent
SHARED = HERE.parents[1] / "shared"
RESULTS = HERE / "results" / "layouts.json"
SETS = {"single lines": ("humaneval_single_line", 40), "random spans": ("humaneval_random_span_light", 41)}
PROMPT_TOKENS = 1536
# Characters that are typed to llama.cpp one by one.
TYPED = 12


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


LAYOUTS: dict[str, keys.Layout] = {
    "usual": usual,
    "line-last": line_last,
    "suffix-first": suffix_first,
    "prefix-last": prefix_last,
    "prefix-last, healed": prefix_last,
    "prefix-last, closers frozen": without_closers,
    "prefix-last, short suffix": short_suffix,
    "prefix-last, suffix a line late": late_suffix,
}
# Answered by llama.cpp, which reuses pieces of at least so many tokens behind what has changed (0: none).
ON_LLAMA_CPP = {"usual, on llama.cpp": 0, f"usual, on llama.cpp, chunks of {keys.CHUNK} reused": keys.CHUNK}
LAYOUTS |= dict.fromkeys(ON_LLAMA_CPP, usual)


def rows_of(name: str) -> list[dict[str, Any]]:
    file, count = SETS[name]
    path = SHARED / "data" / "fim" / f"{file}.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return rows[:: max(len(rows) // count, 1)][:count]


def prompt_of(layout: str, place: Place) -> str:
    around = window(place.before + place.after, len(place.before), characters(PROMPT_TOKENS))
    return LAYOUTS[layout](around)


@asynccontextmanager
async def answering(layout: str, settings: config.Settings) -> AsyncIterator[Engine | keys.Server]:
    if layout in ON_LLAMA_CPP:
        async with keys.llama_cpp(settings.completion.model, ON_LLAMA_CPP[layout]) as server:
            yield server
    else:
        engine = launch.connect(settings)
        yield engine
        await engine.close()


async def write(engine: Engine | keys.Server, planner: Planner, layout: str, row: dict[str, Any]) -> dict[str, Any]:
    """What the model writes for a row, before it is trimmed."""
    place = Place("file:///row.py", "python", row["prompt"], row["suffix"])
    plan = await planner.asked(place, Surroundings(), invoked=True)
    prompt = prompt_of(layout, place)
    if isinstance(engine, keys.Server):
        # Where nothing is reused, what was typed before changes nothing.
        begun = TYPED if ON_LLAMA_CPP[layout] else 0
        cuts = range(max(len(place.before) - begun, 0), len(place.before))
        typed = [prompt_of(layout, replace(place, before=place.before[:cut])) for cut in cuts]
        text = await engine.write([*typed, prompt], plan.request.sampling.max_tokens, plan.request.sampling.stop)
        return {"task": row["task_id"], "raw": text[: plan.ends(text)] if plan.ends else text, "probability": None}
    request = replace(plan.request, prompt=prompt, heal=layout.endswith("healed"), logprobs=True)
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


async def tokens_per_key(model: str) -> AsyncIterator[tuple[str, dict[str, float]]]:
    """For each layout: mean, median and 90th percentile of the tokens to compute at a key."""
    alone = {name: LAYOUTS[name] for name in ("usual", "line-last", "prefix-last")}
    async with keys.llama_cpp(model, 0) as server:
        for name, layout in alone.items():
            yield name, await keys.prefixes(server, layout, PROMPT_TOKENS)
        yield "prefix-last, steady", await keys.prefixes(server, prefix_last, PROMPT_TOKENS, steadily=True)
        async for name, found in keys.context(server, PROMPT_TOKENS):
            yield name, found
    async with keys.llama_cpp(model, keys.CHUNK) as server:
        yield f"usual, chunks of {keys.CHUNK} reused", await keys.chunks(server, usual, PROMPT_TOKENS)


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
        "Tokens to compute at a key, over the traces; *chosen*: code of other files, which these prompts have too:",
        "",
        "| layout | mean | median | p90 | in a pause, mean |",
        "|---|---|---|---|---|",
    ]
    for layout, cost in done.get("tokens_per_key", {}).items():
        pause = f"{cost['pauses']:.1f}" if "pauses" in cost else ""
        lines.append(f"| {layout} | {cost['mean']:.1f} | {cost['median']:.0f} | {cost['p90']:.0f} | {pause} |")
    lines += [
        "",
        "Chunks: llama.cpp goes on in its cache until it finds the next token of the prompt, never in the prompt. It",
        "finds what follows again where something was left out; where something was typed, nothing, or what follows",
        "the same token elsewhere.",
    ]
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
        done["tokens_per_key"] = {}
        async for name, cost in tokens_per_key(options.model):
            done["tokens_per_key"][name] = cost
            RESULTS.write_text(json.dumps(done, indent=1), "utf-8")
            print(name, cost, flush=True)
    settings, _ = config.load({"completion": {"model": options.model, "prompt_tokens": PROMPT_TOKENS}})
    planner = Planner(settings.completion, Pace(time.perf_counter))
    for layout in () if options.tokens else options.only or LAYOUTS:
        for name in SETS:
            results = done["passed"].setdefault(f"{options.model}/{layout}/{name}", {})
            left = [row for row in rows_of(name) if row["task_id"] not in results]
            if not left:
                continue
            async with answering(layout, settings) as engine:
                for row in left:
                    if time.monotonic() - started > options.seconds:
                        break
                    written = await write(engine, planner, layout, row)
                    results[row["task_id"]] = {**written, **score(row, written["raw"])}
                    RESULTS.write_text(json.dumps(done, indent=1), "utf-8")
            print(layout, name, sum(r["passed"] for r in results.values()), "of", len(results), flush=True)
    RESULTS.write_text(json.dumps(done, indent=1), "utf-8")
    (HERE / "results" / "layouts.md").write_text(report(done), "utf-8")
    print(report(done))


if __name__ == "__main__":
    asyncio.run(main())
