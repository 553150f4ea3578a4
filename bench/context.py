"""Does code of other files earn its tokens? Calls into other modules of this repository, completed with and without.

    python bench/context.py                     # goes on where the last run ended; writes bench/results/context.md
    python bench/context.py --seconds 270       # a slice: stops after so long

The cursor stands behind the opening bracket of a call of something that the file imports from the repository; the rest
of the line is to be written. No model was trained on this code. Every variant has the same budget, so that what other
files take, the file itself loses.
"""

from __future__ import annotations

import argparse
import asyncio
import difflib
import json
import random
import re
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmcore import config
from mmcore.completion.pace import Pace
from mmcore.completion.place import Place
from mmcore.completion.plan import Planner
from mmcore.completion.trim import trim
from mmcore.context.index import WorkspaceIndex, index_path, update
from mmcore.context.surroundings import Surroundings
from mmcore.engine import launch
from mmcore.engine.base import Engine
from mmcore.prompt.fim import render_fim
from mmcore.types import Snippet

HERE = Path(__file__).parent
ROOT = HERE.parent
PACKAGES = ("mmcore", "lsp_server")
RESULTS = HERE / "results" / "context.json"
PROMPT_TOKENS = 1024
ROWS = 40
VARIANTS = ("alone", "files in front", "comments before the prefix", "files before the prefix")


def rows() -> list[dict[str, Any]]:
    """`path`, and the offset of a cursor, for calls that need to know what is called; the same ones every time."""
    files = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    every = [row for path in files for row in _calls(path)]
    return random.Random(0).sample(every, ROWS)


def _calls(path: Path) -> Iterator[dict[str, Any]]:
    text = path.read_text("utf-8")
    imported = set()
    for names in re.findall(rf"^from (?:{'|'.join(PACKAGES)})[\w.]* import ([^(\n]+)$", text, re.M):
        imported |= {name.split(" as ")[-1].strip() for name in names.split(",")}
    for match in re.finditer(r"\b([a-z_]\w{3,})\((?=[^)\n]{6,}\)[^\n]{0,10}$)", text, re.M):
        if match[1] in imported:
            yield {"path": path.relative_to(ROOT).as_posix(), "offset": match.end()}


async def write(
    engine: Engine, variant: str, place: Place, surroundings: Surroundings, settings: config.Settings
) -> tuple[str, int]:
    """The rest of the line as the model writes it, and how many tokens its prompt had."""
    planner = Planner(settings.completion, Pace(time.perf_counter))
    plan = await planner.asked(place, Surroundings() if variant == "alone" else surroundings, invoked=True)
    request = plan.request
    if variant.endswith("before the prefix"):
        around = planner._fronts[place.uri].around
        front = (_comments if variant.startswith("comments") else _files)(plan.snippets)
        request = replace(request, prompt=render_fim(front + around.prefix, around.suffix))
    text, tokens = "", 0
    async with aclosing(engine.complete(request)) as stream:
        async for chunk in stream:
            text += chunk.text
            tokens = chunk.usage.prompt_tokens if chunk.usage else tokens
            if "\n" in text:
                break
    return trim(text, place.before, place.after).partition("\n")[0], tokens


def _comments(snippets: Sequence[Snippet]) -> str:
    return "".join(f"# {line}\n" for s in snippets for line in (s.path.as_posix(), *s.text.splitlines()))


def _files(snippets: Sequence[Snippet]) -> str:
    return "".join(f"# {s.path.as_posix()}\n{s.text}\n\n" for s in snippets)


def report(done: dict[str, dict[str, Any]], model: str) -> str:
    lines = [
        f"# Code of other files in the prompt: {model}",
        "",
        f"`python bench/context.py`: calls into other modules of this repository, those tried with every prompt; "
        f"prompts of at most {PROMPT_TOKENS} tokens, greedy.",
        "",
        "| prompt | calls | rest of the line exact | likeness of the rest, mean | tokens of the prompt, median |",
        "|---|---|---|---|---|",
    ]
    common = set.intersection(*(set(done.get(variant, {})) for variant in VARIANTS))
    for variant in VARIANTS:
        found = [done[variant][name] for name in sorted(common)] if common else []
        if found:
            likeness = statistics.fmean(row["likeness"] for row in found)
            tokens = statistics.median(row["tokens"] for row in found)
            exact = sum(row["exact"] for row in found)
            lines.append(f"| {variant} | {len(found)} | {exact} | {likeness:.3f} | {tokens:.0f} |")
    return "\n".join(lines) + "\n"


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this long; run again to go on")
    options = parser.parse_args()
    every = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    done = every.setdefault(options.model, {})
    started = time.monotonic()
    settings, _ = config.load({"completion": {"model": options.model, "prompt_tokens": PROMPT_TOKENS}})
    engine = launch.connect(settings)
    update(ROOT, index_path(ROOT))
    index = WorkspaceIndex(ROOT)
    for row in rows():
        name = f"{row['path']}:{row['offset']}"
        path, offset = ROOT / row["path"], row["offset"]
        text = path.read_text("utf-8")
        rest = text[offset : text.index("\n", offset)]
        place = Place(path.as_uri(), "python", text[:offset], text[offset + len(rest) :])
        for variant in VARIANTS:
            results = done.setdefault(variant, {})
            if name not in results and time.monotonic() - started < options.seconds:
                said, tokens = await write(engine, variant, place, Surroundings(path, (index,)), settings)
                likeness = difflib.SequenceMatcher(None, said.strip(), rest.strip()).ratio()
                exact = said.strip() == rest.strip()
                results[name] = {"said": said, "rest": rest, "exact": exact, "likeness": likeness, "tokens": tokens}
                RESULTS.write_text(json.dumps(every, indent=1) + "\n", "utf-8")
    await engine.close()
    (HERE / "results" / "context.md").write_text("\n".join(report(d, m) for m, d in every.items()), "utf-8")
    print(report(done, options.model))


if __name__ == "__main__":
    asyncio.run(main())
