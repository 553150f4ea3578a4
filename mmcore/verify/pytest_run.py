"""Which tests of one file pass, what they cover, and whether they notice a change: run in the sandbox."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from mmcore.verify.batch import RUN_PYTEST, run_many
from mmcore.verify.mutants import Mutant
from mmcore.verify.sandbox import Limits
from mmcore.verify.scratch import read_back, write_over
from mmcore.verify.tests_run import TestBench

PYTEST = ("-m", "pytest", "-q", "--no-header", "--tb=line", "-p", "no:cacheprovider", "-rA", "--color=no")
SUMMARY = re.compile(r"^(PASSED|FAILED|ERROR) \S*?::(\w+)", re.M)
LIMITS = Limits(seconds=20)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """`passed` and `failed` hold names of tests; `problem` says why there are none."""

    passed: frozenset[str]
    failed: frozenset[str]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of the lines asked about: shares 0..1, and the 1-based lines that were never reached."""

    lines: float
    branches: float
    missed: tuple[int, ...]


def run_tests(bench: TestBench, code: str, test: PurePath, tests: str, limits: Limits = LIMITS) -> Verdicts:
    """Run the file `tests` as `test` against `code`."""
    write_over(bench.copy, bench.relative, code)
    write_over(bench.copy, test, tests)
    ran = bench.python_run([*PYTEST, str(test)], limits)
    found = SUMMARY.findall(ran.output)
    passed = frozenset(name for verdict, name in found if verdict == "PASSED")
    failed = frozenset(name for verdict, name in found if verdict != "PASSED")
    problem = ""
    if not found:
        problem = f"ended for {ran.ended_for}" if ran.ended_for else ran.output.strip()[-400:]
    return Verdicts(passed - failed, failed, problem)


def kills(bench: TestBench, test: PurePath, tests: str, mutants: Sequence[Mutant]) -> Iterator[frozenset[str]]:
    """For each mutant, the tests that notice it; all of the file's when it does not load or does not end."""
    everything = frozenset(re.findall(r"^def (test\w*)", tests, re.M))
    write_over(bench.copy, test, tests)
    texts = [mutant.text for mutant in mutants]
    for verdict in run_many(bench, texts, RUN_PYTEST, [*PYTEST[2:], str(test)]):
        found = SUMMARY.findall(verdict.output)
        yield frozenset(name for kind, name in found if kind != "PASSED") if found else everything


def measure_coverage(bench: TestBench, code: str, test: PurePath, tests: str, first: int, last: int) -> Coverage | None:
    """Of lines `first` to `last` of the code; None where the project's environment has no coverage.py."""
    write_over(bench.copy, bench.relative, code)
    write_over(bench.copy, test, tests)
    data, report = bench.copy / ".sidesight-coverage", PurePath(".sidesight-coverage.json")
    flags = [f"--data-file={data}"]
    include = f"--include={bench.copy / bench.relative}"
    bench.python_run(["-m", "coverage", "run", "--branch", *flags, include, *PYTEST, str(test)], LIMITS)
    bench.python_run(["-m", "coverage", "json", "-q", *flags, "-o", str(report)], LIMITS)
    try:
        files = json.loads(read_back(bench.copy, report) or "{}").get("files", {})
        found = next(iter(files.values()), None)
        if found is None:
            return None
        return _within(found, first, last)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # the tests ran in that copy and may have written anything there


def _within(found: dict[str, list[list[int]]], first: int, last: int) -> Coverage:
    def inside(line: object) -> bool:
        return isinstance(line, int) and first <= line <= last

    reached = [line for line in found["executed_lines"] if inside(line)]
    missed = [line for line in found["missing_lines"] if inside(line)]
    taken = [pair for pair in found.get("executed_branches", []) if inside(pair[0])]
    untaken = [pair for pair in found.get("missing_branches", []) if inside(pair[0])]
    return Coverage(_share(len(reached), len(missed)), _share(len(taken), len(untaken)), tuple(map(_line, missed)))


def _line(value: object) -> int:
    assert isinstance(value, int)
    return value


def _share(good: int, bad: int) -> float:
    return good / (good + bad) if good + bad else 1.0


# Evaluates each expression in a module of its own; a value counts only if its `repr` reads back as the same value.
RECORDER = """
import ast, json, sys
cases = json.loads(open(sys.argv[1]).read())
answers = []
for head, setup, expression in cases:
    space = {}
    try:
        exec(head, space)
        exec(setup, space)
        value = eval(expression, space)
        text = repr(value)
        again = ast.literal_eval(text)
        answers.append(text if again == value and type(again) is type(value) and len(text) < 300 else "")
    except BaseException:
        answers.append("")
open(sys.argv[2], "w").write(json.dumps(answers))
"""


def values_now(bench: TestBench, code: str, cases: Sequence[tuple[str, str, str]]) -> list[str]:
    """Literals that (imports, set-up, expression) evaluate to against `code`; "" for what is none."""
    write_over(bench.copy, bench.relative, code)
    asked, answered = PurePath(".sidesight-cases.json"), PurePath(".sidesight-values.json")
    write_over(bench.copy, asked, json.dumps(cases))
    bench.python_run(["-c", RECORDER, str(asked), str(answered)], LIMITS)
    try:
        values = json.loads(read_back(bench.copy, answered) or "[]")
    except ValueError:
        values = []
    if not isinstance(values, list) or len(values) != len(cases):
        return [""] * len(cases)
    return [value if isinstance(value, str) and _literal(value) else "" for value in values]


def _literal(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return False
    return True
