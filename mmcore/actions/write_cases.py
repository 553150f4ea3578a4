"""Write tests for JavaScript, TypeScript, Rust and Go, run by the runner that the project itself names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from mmcore.actions.circling import goes_in_circles
from mmcore.actions.request import Outcome, Request, Tools
from mmcore.actions.speak import speak, total
from mmcore.actions.target import code_of
from mmcore.actions.tested import UNRUN, offer, read_existing, report
from mmcore.edits.test_cases import SCRIPT, CaseFile, TestCase, compose, joined, renamed, split, take_apart
from mmcore.edits.unwrap import code_blocks
from mmcore.errors import InputError
from mmcore.prompt.actions.test import render_more, render_tests
from mmcore.syntax import Symbol
from mmcore.text import newline_of
from mmcore.types import Document
from mmcore.verify.mutants import Mutant
from mmcore.verify.pytest_run import Coverage
from mmcore.verify.runner_coverage import coverage_left
from mmcore.verify.runners import Result, Runner, run_targets, runner_of
from mmcore.verify.scratch import inside, scratch_copy, write_over
from mmcore.verify.stopping import in_thread
from mmcore.verify.test_files import script_tests
from mmcore.verify.tree_mutants import tree_mutants

# A run of a compiled language's tests costs seconds, not milliseconds.
MUTANTS = 6
ALONE = 8
FEW = 3
VITEST = ("afterEach", "beforeEach", "describe", "expect", "test", "vi")
EXAMPLES = {
    "vitest": "test('adds', () => {\n  expect(add(1, 2)).toBe(3);\n});",
    "jest": "test('adds', () => {\n  expect(add(1, 2)).toBe(3);\n});",
    "cargo test": "#[test]\nfn adds() {\n    assert_eq!(add(1, 2), 3);\n}",
    "go test": 'func TestAdds(t *testing.T) {\n\tif got := Add(1, 2); got != 3 {\n\t\tt.Errorf("got %v", got)\n\t}\n}',
}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the tests go, and what the file that holds them begins with."""

    file: Document
    relative: PurePath
    head: tuple[str, ...]
    vitest: bool = False


async def write_cases(tools: Tools, request: Request, target: Symbol) -> Outcome:
    """As `write_tests`. Raises InputError where the project names no runner, or the target cannot be reached."""
    document, root = request.document, request.root
    assert document.path is not None
    runner = await in_thread(runner_of, root, document.language)
    if runner is None:
        wanted = "vitest or jest in package.json" if document.language in SCRIPT else "a Cargo.toml or go.mod"
        raise InputError(f"tests for {document.language} need a test runner that the project names: {wanted}")
    place = await in_thread(_place, request, target, runner)
    code = code_of(request, target)
    wish = f"Write each test as in this example:\n{EXAMPLES[runner.name]}\n{request.instruction}".strip()
    messages = render_tests(code, document.language, runner.name, target.name, "\n".join(place.head), wish)
    said = await speak(tools, messages, stream=True, enough=goes_in_circles)
    usage = said.usage
    parts = _parts(said.text, document.language, target, place)
    if not request.run:
        return offer(request, target, place.file, _whole(place, parts, document.language), usage, [UNRUN], 1)
    with scratch_copy(root, {}) as copy:
        run = _Run(request, target, place, runner, copy)
        tools.say("running the tests")
        kept = await in_thread(run.keep, parts)
        coverage = await in_thread(run.coverage, kept)
        rounds, written = 1, len(parts.cases)
        if coverage.missed if coverage else len(kept.cases) < FEW:
            tools.say("asking for more tests")
            lines = document.text.splitlines()
            missed = [lines[n - 1].strip() for n in coverage.missed] if coverage else code.splitlines()[:1]
            more = await speak(
                tools, render_more(messages, said.text, missed), temperature=0.4, seed=1, enough=goes_in_circles
            )
            usage, rounds = total(usage, more.usage), 2
            extra = _parts(more.text, document.language, target, place)
            written += len(extra.cases)
            kept = joined(kept, await in_thread(run.keep, extra))
        tools.say("changing the code to see whether they notice")
        kept, noticed = await in_thread(run.sharp, kept)
        coverage = await in_thread(run.coverage, kept)
    results = report(len(kept.cases), written, 0, noticed, coverage, run.problem or f"{runner.name} measures none")
    after = _whole(place, kept, document.language)
    return offer(request, target, place.file, after if kept.cases else place.file.text, usage, results, rounds)


class _Run:
    """The cases of one request against the code in a scratch copy."""

    def __init__(self, request: Request, target: Symbol, place: _Place, runner: Runner, copy: Path) -> None:
        self.request, self.place, self.runner, self.copy = request, place, runner, copy
        assert request.document.path is not None
        self.relative = inside(request.root, request.document.path)
        self.first, self.last = target.range.start.line + 1, target.range.end.line + 1
        self.problem = ""

    def run(self, parts: CaseFile, code: str = "", *, coverage: bool = False) -> Result:
        """The cases against `code`, the document as it is without."""
        language = self.request.document.language
        if self.place.relative == self.relative:  # Rust's stand in the file that they test
            file = replace(self.place.file, text=code or self.place.file.text)
            write_over(self.copy, self.relative, _whole(replace(self.place, file=file), parts, language))
        else:
            write_over(self.copy, self.relative, code or self.request.document.text)
            write_over(self.copy, self.place.relative, _whole(self.place, parts, language))
        return run_targets(self.runner, self.request.root, self.copy, self._targets(parts), coverage=coverage)

    def _targets(self, parts: CaseFile) -> list[str]:
        names = [case.name for case in parts.cases]
        if self.runner.name == "cargo test":
            return names
        if self.runner.name == "go test":
            return [f"./{self.place.relative.parent.as_posix()}::{name}" for name in names]
        return [self.place.relative.as_posix()]

    def keep(self, parts: CaseFile) -> CaseFile:
        """Those that pass; of those that fail, single assertions that do. Where nothing loads, each by itself."""
        if not parts.cases:
            return parts
        result = self.run(parts)
        if not result.cases:
            self.problem = result.problem.splitlines()[0] if result.problem else ""
            alone = [case for case in parts.cases[:ALONE] if self._holds(parts, case)]
            return replace(parts, cases=tuple(alone))
        self.problem = ""
        passed = [case for case in parts.cases if _named(case, result.passed)]
        pieces = [piece for case in parts.cases if case not in passed for piece in split(case)]
        if pieces:
            again = self.run(replace(parts, cases=tuple(pieces)))
            passed += [piece for piece in pieces if _named(piece, again.passed)]
        return replace(parts, cases=tuple(passed))

    def _holds(self, parts: CaseFile, case: TestCase) -> bool:
        return _named(case, self.run(replace(parts, cases=(case,))).passed)

    def coverage(self, parts: CaseFile) -> Coverage | None:
        if not parts.cases:
            return None
        self.run(parts, coverage=True)
        return coverage_left(self.copy, self.relative, self.first, self.last)

    def sharp(self, parts: CaseFile) -> tuple[CaseFile, tuple[int, int]]:
        """The cases that notice at least one mutant, and (noticed, made) over the mutants."""
        document = self.request.document
        every = list(tree_mutants(document.text, document.language, self.first, self.last))
        chosen: Sequence[Mutant] = every[:: max(1, -(-len(every) // MUTANTS))]
        if not parts.cases or not chosen:
            return parts, (0, 0)
        noticed = [self._noticing(parts, mutant) for mutant in chosen]
        useful = frozenset[str]().union(*noticed)
        kept = tuple(case for case in parts.cases if case.name in useful)
        return replace(parts, cases=kept), (sum(map(bool, noticed)), len(chosen))

    def _noticing(self, parts: CaseFile, mutant: Mutant) -> frozenset[str]:
        """A mutant that compiles no more, or does not end, says nothing of single cases: none noticed it."""
        result = self.run(parts, mutant.text)
        return frozenset(case.name for case in parts.cases if _named(case, result.failed))


def _named(case: TestCase, names: frozenset[str]) -> bool:
    """Runners put the names of what is around a case before it: `describe` blocks, modules."""
    return any(name == case.name or name.endswith((f" {case.name}", f"::{case.name}")) for name in names)


def _parts(answer: str, language: str, target: Symbol, place: _Place) -> CaseFile:
    """The cases in an answer; what it imports of the target or the runner is ours to write."""
    found = [take_apart(block.code, language) for block in code_blocks(answer)]
    headed = re.compile(rf"\b{re.escape(target.name)}\b|['\"](vitest|@jest/globals)['\"]")
    imports = [line for part in found for line in part.imports if not headed.search(line) and _there(line, place)]
    defined = re.compile(rf"\b(?:function|fn|func|const|let|class|struct)\s+{re.escape(target.name)}\b")
    support = [piece for part in found for piece in part.support if not defined.search(piece)]
    cases = [case for part in found for case in part.cases if case.name]
    taken = frozenset(case.name for case in take_apart(place.file.text.replace("\r\n", "\n"), language).cases)
    return CaseFile(tuple(dict.fromkeys(imports)), tuple(dict.fromkeys(support)), renamed(cases, taken))


def _there(line: str, place: _Place) -> bool:
    """An import of a file that is there; a small model makes some up."""
    found = re.search(r"['\"](\.[^'\"]*)['\"]", line)
    if found is None or place.file.path is None:
        return True
    base = Path(os.path.normpath(place.file.path.parent / found[1]))
    return base.exists() or any(base.parent.glob(f"{base.name}.*"))


def _whole(place: _Place, parts: CaseFile, language: str) -> str:
    lf = place.file.text.replace("\r\n", "\n")
    head = list(place.head)
    if place.vitest and "from 'vitest'" not in lf and 'from "vitest"' not in lf:
        code = "\n".join([*parts.support, *(case.source for case in parts.cases)])
        used = ", ".join(name for name in VITEST if re.search(rf"\b{name}\b", code))
        head.insert(0, f"import {{ {used} }} from 'vitest';")
    return compose(lf, parts, language, head).replace("\n", newline_of(place.file.text))


def _place(request: Request, target: Symbol, runner: Runner) -> _Place:
    """Raises InputError where the target is not exported."""
    document, root = request.document, request.root.resolve()
    path = document.path
    assert path is not None
    if document.language == "rust":
        return _Place(document, inside(root, path), ("use super::*;",))
    if document.language == "go":
        chosen = path.with_name(f"{path.stem}_test.go")
        package = re.search(r"^package\s+\w+", document.text, re.M)
        head: tuple[str, ...] = (package[0] if package else f"package {path.parent.name}",)
    else:
        chosen = _script_file(root, path)
        head = tuple(_script_head(document.text, target, path, chosen))
    text = read_existing(chosen)
    file = Document(chosen.as_uri(), document.language, text, path=chosen)
    return _Place(file, inside(root, chosen), head, runner.name == "vitest")


def _script_file(root: Path, path: Path) -> Path:
    """Its own test file if there is one, else one as the project names and places them."""
    tests = list(script_tests(root))
    own = [test for test in tests if re.fullmatch(rf"{re.escape(path.stem)}\.(test|spec)", test.stem)]
    if own:
        return own[0]
    word = "spec" if tests and tests[0].stem.endswith(".spec") else "test"
    name = f"{path.stem}.{word}{path.suffix}"
    folder = tests[0].parent if tests else path.parent
    if folder.name == "__tests__":
        return path.parent / "__tests__" / name
    return (root / folder.name if folder in (root / "test", root / "tests") else path.parent) / name


def _script_head(text: str, target: Symbol, path: Path, test: Path) -> Iterator[str]:
    """How the test file gets at the runner's functions and the target."""
    link = os.path.relpath(path, test.parent).replace(os.sep, "/")
    link = link if link.startswith(".") else f"./{link}"
    link = link if path.suffix in (".js", ".mjs", ".cjs", ".jsx") else link.removesuffix(path.suffix)
    name = re.escape(target.name)
    if re.search(r"\bmodule\.exports\b|^exports\.", text, re.M):
        yield f"const {{ {target.name} }} = require('{link}');"
        return
    if re.search(rf"export\s+default\s+(?:async\s+)?(?:function\s*\*?\s*|class\s+)?{name}\b", text):
        yield f"import {target.name} from '{link}';"
    elif re.search(rf"export\s+(?:async\s+)?(?:function\s*\*?|class|const|let)\s+{name}\b", text) or re.search(
        rf"export\s*\{{[^}}]*\b{name}\b", text
    ):
        yield f"import {{ {target.name} }} from '{link}';"
    else:
        raise InputError(f"{path.name} does not export `{target.name}`, so a test cannot reach it; export it first")
