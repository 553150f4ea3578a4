"""Write tests that run: kept are those that pass on the code as it is and notice when it is changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import PurePath

from mmcore.actions.circling import goes_in_circles
from mmcore.actions.request import Outcome, Request, Tools
from mmcore.actions.speak import speak, total
from mmcore.actions.target import code_of, target_of
from mmcore.actions.tested import UNRUN, offer, read_existing, report
from mmcore.actions.write_cases import write_cases
from mmcore.edits.test_functions import (
    TestFunction,
    TestSource,
    compose,
    expectation,
    record,
    rename,
    split,
    take_apart,
)
from mmcore.edits.unwrap import code_blocks
from mmcore.errors import DocumentError, InputError
from mmcore.prompt.actions.test import render_more, render_tests
from mmcore.syntax import Symbol, symbols
from mmcore.text import newline_of
from mmcore.types import Document
from mmcore.verify.mutants import Mutant, mutants
from mmcore.verify.pytest_run import Coverage, Verdicts, kills, measure_coverage, run_tests, values_now
from mmcore.verify.scratch import inside, scratch_copy
from mmcore.verify.stopping import in_thread
from mmcore.verify.tests_run import TestBench, configures_pytest
from mmcore.verify.toolchain import project_python

MUTANTS = 16
ROUNDS = 2


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the tests go, how they import what they test, and how they would call it in the simplest case."""

    file: Document
    relative: PurePath
    import_line: str
    call: str


async def write_tests(tools: Tools, request: Request) -> Outcome:
    """Tests for a function or class, in the file where the project keeps them.

    Without consent to run (`request.run`) they are offered unrun, and the report says so. Raises InputError for
    a language whose tests we cannot run or a document without a place; EngineError.
    """
    path = request.document.path
    if path is None:
        raise InputError("tests are written for saved files: save this one first")
    target = target_of(request)
    if target is None:
        raise InputError("name what is to be tested: FILE:NAME, or lines FILE:A-B")
    if request.document.language != "python":
        return await write_cases(tools, request, target)
    place = await in_thread(_place, request, target)
    code = code_of(request, target)
    # Small models begin with a table of cases otherwise, and do not find its end.
    first = f"def test_{place.call.rpartition('.')[2].strip('_')}_1():\n    assert {place.call}("
    begin = f"{place.import_line}\n\n\n{first}"
    messages = render_tests(code, "python", "pytest", target.name, begin, request.instruction)
    said = await speak(tools, messages, stream=True, enough=goes_in_circles)
    usage = said.usage
    source = _source(said.text, target, place.call)
    taken = frozenset(s.name for s in symbols(place.file.text, "python"))
    source = replace(source, tests=tuple(rename(source.tests, taken)))
    if not request.run:
        return offer(request, target, place.file, _whole(place, source), usage, [UNRUN], 1)
    with scratch_copy(request.root, {}) as copy:
        # What we write needs no plugins; they are loaded where the project's own set-up might.
        plugins = await in_thread(configures_pytest, request.root)
        bench = TestBench(request.root, path, copy, project_python(request.root), plugins=plugins)
        run = _Run(request, target, place, bench)
        tools.say("running the tests")
        kept = await in_thread(run.keep, source)
        coverage = await in_thread(run.coverage, kept)
        rounds, written = 1, len(source.tests)
        while rounds < ROUNDS and (coverage.missed if coverage else not kept.tests):
            if coverage:
                tools.say(f"asking for tests of {len(coverage.missed)} lines that are not reached")
                lines = request.document.text.split("\n")
                asked = render_more(messages, said.text, [lines[n - 1].strip() for n in coverage.missed])
            else:
                tools.say("asking for other tests: none passes")
                asked = messages
            more = await speak(tools, asked, temperature=0.4, seed=rounds, enough=goes_in_circles)
            usage, rounds = total(usage, more.usage), rounds + 1
            extra = _source(more.text, target, place.call)
            written += len(extra.tests)
            named = rename(extra.tests, taken | {test.name for test in kept.tests})
            extra = await in_thread(run.keep, replace(extra, tests=tuple(named)))
            kept = TestSource(
                _join(kept.imports, extra.imports), _join(kept.support, extra.support), kept.tests + extra.tests
            )
            coverage = await in_thread(run.coverage, kept)
        tools.say("changing the code to see whether they notice")
        kept, noticed = await in_thread(run.sharp, kept)
        coverage = await in_thread(run.coverage, kept)
        recorded = sum(test.recorded for test in kept.tests)
        missing = "coverage.py is not installed in the project's environment"
        results = report(len(kept.tests), written, recorded, noticed, coverage, missing)
    return offer(request, target, place.file, _whole(place, kept), usage, results, rounds)


class _Run:
    """The tests of one request against the code in a scratch copy."""

    def __init__(self, request: Request, target: Symbol, place: _Place, bench: TestBench) -> None:
        self.code = request.document.text
        self.place = place
        self.bench = bench
        self.first, self.last = target.range.start.line + 1, target.range.end.line + 1

    def text(self, source: TestSource) -> str:
        return compose("", source, self.place.import_line)

    def _run(self, source: TestSource) -> Verdicts:
        return run_tests(self.bench, self.code, self.place.relative, self.text(source))

    def keep(self, source: TestSource) -> TestSource:
        """Those that pass; of those that fail, single assertions that pass, or that do with the value as it is now."""
        if not source.tests:
            return source
        verdicts = self._run(source)
        if verdicts.problem:
            return replace(source, tests=tuple(t for t in source.tests if self._alone(source, t)))
        kept = [test for test in source.tests if test.name in verdicts.passed]
        failed = [test for test in source.tests if test.name not in verdicts.passed]
        parts = [part for test in failed for part in (split(test) or [test])]
        if parts:
            again = run_tests(
                self.bench, self.code, self.place.relative, self.text(replace(source, tests=tuple(parts)))
            )
            kept += [part for part in parts if part.name in again.passed]
            kept += self._recorded(source, [part for part in parts if part.name not in again.passed])
        return replace(source, tests=tuple(kept))

    def _alone(self, source: TestSource, test: TestFunction) -> bool:
        """One that does not end or does not load takes the others along: each by itself then."""
        verdicts = self._run(replace(source, tests=(test,)))
        return test.name in verdicts.passed

    def _recorded(self, source: TestSource, failed: Sequence[TestFunction]) -> list[TestFunction]:
        """The model chose a good input and computed its result wrongly: expect what the code returns now."""
        asked = [(test, case) for test in failed if (case := expectation(test))]
        head = "\n".join([self.place.import_line, *source.imports, *source.support])
        values = values_now(self.bench, self.code, [(head, setup, expression) for _, (setup, expression, _) in asked])
        tests = [record(test, value) for (test, _), value in zip(asked, values, strict=True) if value]
        if not tests:
            return []
        verdicts = self._run(replace(source, tests=tuple(tests)))
        return [test for test in tests if test.name in verdicts.passed]

    def coverage(self, source: TestSource) -> Coverage | None:
        if not source.tests:
            return None
        text = self.text(source)
        return measure_coverage(self.bench, self.code, self.place.relative, text, self.first, self.last)

    def sharp(self, source: TestSource) -> tuple[TestSource, tuple[int, int]]:
        """The tests that notice at least one mutant, and (noticed, made) over the mutants."""
        every = list(mutants(self.code, self.first, self.last))
        chosen: list[Mutant] = list(islice(every, 0, None, max(1, -(-len(every) // MUTANTS))))
        if not source.tests or not chosen:
            return source, (0, 0)
        names = list(kills(self.bench, self.place.relative, self.text(source), chosen))
        useful = frozenset().union(*names)
        kept = tuple(test for test in source.tests if test.name in useful)
        return replace(source, tests=kept), (sum(bool(found) for found in names), len(chosen))


def _whole(place: _Place, source: TestSource) -> str:
    """The test file with the tests in it; as it is where there are none."""
    text = place.file.text
    if not source.tests:
        return text
    return compose(text.replace("\r\n", "\n"), source, place.import_line).replace("\n", newline_of(text))


def _source(answer: str, target: Symbol, call: str) -> TestSource:
    """The tests in an answer that mention the target; what imports it otherwise is dropped, the import line is ours."""
    parts = [take_apart(block.code, call) for block in code_blocks(answer)]
    imports = [
        line for part in parts for line in part.imports if target.name not in line.split() and "import *" not in line
    ]
    support = [piece for part in parts for piece in part.support if not piece.startswith(f"def {target.name}(")]
    tests = [test for part in parts for test in part.tests]
    return TestSource(_join(tuple(imports)), _join(tuple(support)), tuple(tests))


def _join(*groups: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for group in groups for item in group))


def _place(request: Request, target: Symbol) -> _Place:
    """Beside other tests of the module, in the project's test folder, or beside the module itself."""
    path, root = request.document.path, request.root.resolve()
    assert path is not None
    try:
        relative = inside(root, path)
    except DocumentError:
        relative = PurePath(path.name)
        root = path.parent
    parts = relative.with_suffix("").parts
    parts = parts[1:] if parts[0] == "src" and len(parts) > 1 else parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    outer = _outer(request, target)
    name = f"test_{path.stem}.py"
    there = sorted(found for found in root.rglob(name) if not {".venv", "venv", "node_modules"} & set(found.parts))
    folder = next((root / n for n in ("tests", "test") if (root / n).is_dir()), None)
    chosen = there[0] if there else (folder or path.parent) / name
    text = read_existing(chosen)
    file = Document(chosen.as_uri(), "python", text, path=chosen)
    own = target.name.rpartition(".")[2]
    call = own if outer == target else f"{outer.name}().{own}"
    return _Place(file, inside(root, chosen), f"from {'.'.join(parts)} import {outer.name}", call)


def _outer(request: Request, target: Symbol) -> Symbol:
    """The class that a method belongs to: what can be imported."""
    found = symbols(request.document.text, "python")
    around = [s for s in found if s.kind == "class" and s.start < target.start and target.end <= s.end]
    return min(around, key=lambda s: s.start, default=target)
