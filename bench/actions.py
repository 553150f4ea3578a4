"""Measure the checked actions beside the same model asked once: `make bench-actions`.

Rows and scorers are read from `--data` (../shared by default). Results are kept row by row in `actions.jsonl` (with
`--develop`, `actions-development.jsonl`), so a run that is stopped goes on where it was; beside it is the table.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import importlib
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

from mmcore import config
from mmcore.actions.document import document
from mmcore.actions.fix import fix
from mmcore.actions.request import Request, Tools
from mmcore.actions.speak import Said, speak
from mmcore.actions.target import named
from mmcore.actions.write_tests import write_tests
from mmcore.context.document import read_document
from mmcore.edits.unwrap import code_blocks
from mmcore.engine import launch
from mmcore.types import Document, Message, Reading, Usage
from mmcore.verify.mutants import mutants
from mmcore.verify.pytest_run import kills, measure_coverage, run_tests
from mmcore.verify.result import Change
from mmcore.verify.scope import check_code_unchanged
from mmcore.verify.scratch import scratch_copy
from mmcore.verify.tests_run import TestBench
from mmcore.verify.toolchain import project_python

HERE = Path(__file__).resolve().parent
# Every third row is for looking at; what is reported was not looked at before.
DEVELOP = 3
Row = dict[str, Any]
Score = dict[str, Any]
Measure = Callable[[Tools, Row, Any], Awaitable[Score]]


async def no_pictures(source: Path | bytes) -> Reading:
    raise AssertionError("no picture is part of this benchmark")


async def once(tools: Tools, prompt: str) -> Said:
    """The bare model: asked once, greedy, nothing checked."""
    return await speak(tools, (Message("user", prompt),))


def counted(seconds: float, prompt: int, completion: int, **scores: object) -> Score:
    return {**scores, "seconds": round(seconds, 2), "prompt_tokens": prompt, "completion_tokens": completion}


# --- repair -----------------------------------------------------------------------------------------------------------


async def repair_bare(tools: Tools, row: Row, score: Any) -> Score:
    """The prompt of HumanEvalFix with docstrings (OctoPack, Muennighoff et al. 2023)."""
    started = time.perf_counter()
    said = await once(tools, f"{row['prompt']}{row['buggy_solution']}\nFix bugs in {row['entry_point']}.")
    seconds = time.perf_counter() - started
    blocks = code_blocks(said.text)
    fixed = score.repair(row, header_of(row) + blocks[0].code)[0] if blocks else False
    return counted(seconds, said.usage.prompt_tokens, said.usage.completion_tokens, fixed=fixed)


def header_of(row: Row) -> str:
    """The row's own imports: a model that is shown them need not repeat them."""
    return "".join(line + "\n" for line in row["declaration"].split("\n") if line.startswith(("import ", "from ")))


async def repair_ours(tools: Tools, row: Row, score: Any, *, test: bool) -> Score:
    """With the row's failing test in the workspace, or with nothing but the docstring, whose examples may run."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "solution.py").write_text(row["prompt"] + row["buggy_solution"], "utf-8")
        if test:
            body = row["test"].replace("\n", "\n    ")
            (root / "test_solution.py").write_text(f"from solution import *\n\n\ndef test_it():\n    {body}\n", "utf-8")
        request = Request(
            read_document(root / "solution.py"),
            symbol=row["entry_point"],
            failing_test="test_solution.py::test_it" if test else "",
            roots=(root,),
            run=True,
        )
        started = time.perf_counter()
        outcome = await fix(tools, request)
        seconds = time.perf_counter() - started
    tests = [check.status for check in outcome.checks if check.name == "tests"]
    return counted(
        seconds,
        outcome.usage.prompt_tokens,
        outcome.usage.completion_tokens,
        fixed=score.repair(row, outcome.after)[0],
        offered=outcome.passed,
        tests_passed=outcome.passed and tests == ["passed"],
        small_edit="small edits" in outcome.message,
        candidates=outcome.candidates,
    )


REPAIR: dict[str, Measure] = {
    "bare": repair_bare,
    "docstring alone": lambda tools, row, score: repair_ours(tools, row, score, test=False),
    "failing test": lambda tools, row, score: repair_ours(tools, row, score, test=True),
}

# --- documentation ----------------------------------------------------------------------------------------------------


async def docs_bare(tools: Tools, row: Row, score: Any) -> Score:
    prompt = f"```python\n{row['source']}\n```\n\nWrite this function again with a Google style docstring."
    started = time.perf_counter()
    said = await once(tools, prompt)
    seconds = time.perf_counter() - started
    return docs_score(row, code_blocks(said.text)[0].code if said.text.strip() else "", score, seconds, said.usage)


async def docs_ours(tools: Tools, row: Row, score: Any) -> Score:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "module.py"
        path.write_text(row["source"] + "\n", "utf-8")
        started = time.perf_counter()
        outcome = await document(tools, Request(read_document(path), symbol=row["name"], roots=(Path(folder),)))
        seconds = time.perf_counter() - started
    return docs_score(row, outcome.after if outcome.passed else row["source"], score, seconds, outcome.usage)


def docs_score(row: Row, code: str, score: Any, seconds: float, usage: Usage) -> Score:
    """The scorer's values, 0 for each where there is no docstring; and whether the code is still the same."""
    before = Document("file:///module.py", "python", row["source"])
    same = check_code_unchanged(Change(before, code)).status == "passed"
    try:
        functions = [n for n in ast.walk(ast.parse(code)) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    except SyntaxError:
        functions = []
    found = next((ast.get_docstring(node) for node in functions if node.name == row["name"]), None)
    values = score.score(row, found or "")
    values = values if found else {name: None if value is None else 0.0 for name, value in values.items()}
    return counted(seconds, usage.prompt_tokens, usage.completion_tokens, code_unchanged=same, **values)


DOCS = {"bare": docs_bare, "ours": docs_ours}


# --- tests ------------------------------------------------------------------------------------------------------------


async def tests_bare(tools: Tools, row: Row, score: Any) -> Score:
    with testing(row) as (root, request):
        prompt = (
            f"```python\n{row['python_solution']}\n```\n\nWrite pytest tests for `Solution.{row['func_name']}`. "
            "Begin the file with exactly:\nfrom solution import Solution"
        )
        started = time.perf_counter()
        said = await once(tools, prompt)
        seconds = time.perf_counter() - started
        blocks = code_blocks(said.text)
        text = blocks[0].code if blocks else ""
        return await asyncio.to_thread(tests_score, request, root, text, seconds, said.usage)


async def tests_ours(tools: Tools, row: Row, score: Any) -> Score:
    with testing(row) as (root, request):
        started = time.perf_counter()
        outcome = await write_tests(tools, request)
        seconds = time.perf_counter() - started
        text = outcome.after if outcome.passed else ""
        return await asyncio.to_thread(tests_score, request, root, text, seconds, outcome.usage)


@contextmanager
def testing(row: Row) -> Iterator[tuple[Path, Request]]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "solution.py").write_text(row["python_solution"], "utf-8")
        symbol = f"Solution.{row['func_name']}"
        yield root, Request(read_document(root / "solution.py"), symbol=symbol, roots=(root,), run=True)


def tests_score(request: Request, root: Path, text: str, seconds: float, usage: Usage) -> Score:
    """Measured alike for both, by what the action itself uses: which pass, what they cover, which mutants they see."""
    code, test = request.document.text, PurePath("test_scored.py")
    target = named(request)
    first, last = target.range.start.line + 1, target.range.end.line + 1
    assert request.document.path is not None
    with scratch_copy(root, {}) as copy:
        bench = TestBench(root, request.document.path, copy, project_python(root))
        verdicts = run_tests(bench, code, test, text)
        coverage = measure_coverage(bench, code, test, text, first, last) if verdicts.passed else None
        made = list(mutants(code, first, last))
        made = made[:: max(1, len(made) // 16)][:16]
        noticed = list(kills(bench, test, text, made)) if verdicts.passed else [frozenset[str]() for _ in made]
    total = len(verdicts.passed | verdicts.failed)
    return counted(
        seconds,
        usage.prompt_tokens,
        usage.completion_tokens,
        tests=total,
        passing=len(verdicts.passed) / total if total else 0.0,
        all_pass=bool(verdicts.passed) and not verdicts.failed,
        lines=coverage.lines if coverage else 0.0,
        branches=coverage.branches if coverage else 0.0,
        # Only a test that passes on the code as it is can be said to notice a change of it.
        mutants=sum(bool(names & verdicts.passed) for names in noticed) / len(made) if made else 0.0,
    )


TESTS = {"bare": tests_bare, "ours": tests_ours}
SETS: dict[str, tuple[str, str, dict[str, Measure]]] = {
    "repair": ("repair/humanevalfix_python.jsonl", "score_code", REPAIR),
    "docs": ("docs/functions.jsonl", "score_docs", DOCS),
    "testgen": ("testgen/programs.jsonl", "score_code", TESTS),
}


ROWS = {"repair": 40, "docs": 40, "testgen": 20}

# --- the run ----------------------------------------------------------------------------------------------------------


def held(kept: Path) -> dict[tuple[str, str, str], Score]:
    if not kept.exists():
        return {}
    lines = [json.loads(line) for line in kept.read_text("utf-8").splitlines()]
    return {(line["set"], line["how"], line["row"]): line for line in lines}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="where actions.jsonl and actions.md are")
    for name, rows in ROWS.items():
        parser.add_argument(f"--{name}", type=int, default=rows, help="how many rows of this set; 0: none")
    parser.add_argument("--develop", action="store_true", help="the rows to develop on, which are never reported")
    parser.add_argument("--how", nargs="*", help="only these columns")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after the row that is under way by then")
    options = parser.parse_args()
    sys.path.insert(0, str(options.data / "tools"))
    settings = config.load()[0]
    engine = launch.connect(settings)
    tools = Tools(engine, settings, no_pictures)
    deadline = time.monotonic() + options.seconds
    options.out.mkdir(exist_ok=True)
    kept = options.out / ("actions-development.jsonl" if options.develop else "actions.jsonl")
    try:
        await once(tools, "Say yes.")  # loads the model, which no row is charged for
        wanted = {name: getattr(options, name) for name in SETS}
        rows = {name: read_rows(options.data, name) for name in SETS}
        scores = {name: importlib.import_module(scorer) for name, (_, scorer, _) in SETS.items()}
        for name, number in schedule(rows, wanted, develop=options.develop):
            for how, measure in SETS[name][2].items():
                if (options.how and how not in options.how) or (name, how, str(number)) in held(kept):
                    continue
                if time.monotonic() > deadline:
                    return
                result = await measure(tools, rows[name][number], scores[name])
                line = {"set": name, "how": how, "row": str(number), **result}
                with kept.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(line) + "\n")
                print(line, flush=True)
    finally:
        await engine.close()
        report(held(kept), kept.with_suffix(".md"), settings.chat.model, develop=options.develop)


def read_rows(data: Path, name: str) -> list[Row]:
    return [json.loads(line) for line in (data / "data" / SETS[name][0]).read_text("utf-8").splitlines()]


def schedule(rows: dict[str, list[Row]], wanted: dict[str, int], *, develop: bool) -> list[tuple[str, int]]:
    """The rows of every set, shuffled and interleaved: a run that is stopped early has measured some of each."""
    placed = []
    for name, held_rows in rows.items():
        numbers = [number for number in range(len(held_rows)) if (number % DEVELOP == 0) == develop]
        random.Random(0).shuffle(numbers)
        numbers = numbers[: wanted[name]]
        placed += [((place + 0.5) / len(numbers), name, number) for place, number in enumerate(numbers)]
    return [(name, number) for _, name, number in sorted(placed)]


Results = dict[tuple[str, str, str], Score]


def report(results: Results, table: Path, model: str, *, develop: bool) -> None:
    """One table a set: a line for each way of asking, means over the rows that every way has done."""
    seen = f"every {DEVELOP}rd of a set"
    whose = f"Only rows that prompts and checks were developed on ({seen}): how it does on others is another table."
    if not develop:
        whose = f"Rows that prompts and checks were developed on ({seen}) are not among these."
    lines = [
        "# Checked actions beside the same model asked once" + (", on the rows to develop on" if develop else ""),
        "",
        f"{model}, by `make bench-actions`. *bare*: one greedy answer, nothing checked. {whose} Shares are 0 to 1; "
        "seconds and tokens are means a row.",
    ]
    for name in SETS:
        ways = [way for way in SETS[name][2] if any(key[:2] == (name, way) for key in results)]
        if not ways:
            continue
        common = set.intersection(*({key[2] for key in results if key[:2] == (name, way)} for way in ways))
        figures = list(
            dict.fromkeys(f for k, v in results.items() if k[0] == name for f in v if f not in ("set", "how", "row"))
        )
        rows = {way: [results[name, way, row] for row in sorted(common)] for way in ways}
        lines += ["", f"## {name}, {len(common)} rows", ""]
        lines += ["| | " + " | ".join(figures).replace("_", " ") + " |", "| --- " * (len(figures) + 1) + "|"]
        for way in ways:
            cells = [cell([row.get(figure) for row in rows[way]]) for figure in figures]
            lines.append(f"| {way} | " + " | ".join(cells) + " |")
        if common and name == "repair":
            lines += ["", *(f"- {line}" for line in repair_aims(rows))]
    table.write_text("\n".join([*lines, ""]), "utf-8")
    print("\n".join(lines))


def cell(values: list[Any]) -> str:
    numbers = [float(value) for value in values if value is not None]
    if not numbers:
        return ""
    mean = statistics.mean(numbers)
    return f"{mean:.0f}" if mean >= 100 else f"{mean:.3f}" if mean <= 1 else f"{mean:.1f}"


def repair_aims(rows: dict[str, list[Score]]) -> Iterator[str]:
    bare = sum(row["fixed"] for row in rows["bare"])
    for way, aim in (("failing test", 2.5), ("docstring alone", 1.3)):
        if way in rows:
            ours, total = sum(row["fixed"] for row in rows[way]), len(rows[way])
            times = f"{ours / bare:.2f} × bare" if bare else "bare mended none"
            yield f"{way}: {ours} of {total} mended, {times} ({bare}); aim {aim} ×"
    for way in rows:
        if marked := [row for row in rows[way] if row.get("tests_passed") and way == "failing test"]:
            yield f"marked “tests passed”: {len(marked)}, of which {sum(row['fixed'] for row in marked)} pass"


if __name__ == "__main__":
    asyncio.run(main())
