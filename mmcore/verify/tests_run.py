"""Run the narrowest tests that cover a change, on a scratch copy, in the sandbox."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from mmcore.verify.examples import RUNNER, Session, argument, sessions
from mmcore.verify.result import Change, CheckResult, Outcome, timed
from mmcore.verify.runners import Result, Runner, run_targets, runner_of
from mmcore.verify.sandbox import Isolation, Limits, Ran, interpreter_paths, isolation, run
from mmcore.verify.scratch import inside, scratch_copy, write_over
from mmcore.verify.test_files import covering, python_tests
from mmcore.verify.toolchain import project_python

LIMITS = Limits(seconds=30.0)
MAX_TEST_FILES = 6
MAX_TESTS = 20
# pytest's exit statuses: https://docs.pytest.org/en/stable/reference/exit-codes.html
NO_TESTS = 5
NEEDS_PLUGINS = re.compile(r"fixture '\w+' not found|async def functions are not natively supported|PytestUnknownMark")
PASSED = re.compile(r"^\d+ passed", re.M)
PYTEST = ("-m", "pytest", "-x", "-q", "--no-header", "--tb=short", "-p", "no:cacheprovider", "-rN", "--color=no")


@dataclass(frozen=True, slots=True)
class Selection:
    """`targets` are arguments of `runner`, of pytest without one; without any, `examples` of docstrings are run."""

    targets: tuple[str, ...] = ()
    examples: tuple[Session, ...] = ()
    runner: Runner | None = None

    def __bool__(self) -> bool:
        return bool(self.targets or self.examples)

    @property
    def name(self) -> str:
        """What the check is called: a few examples are no tests, and must not be taken for them."""
        return "tests" if self.targets or not self.examples else "examples"


def select(change: Change, root: Path, symbol: str = "", failing: str = "") -> Selection:
    """The failing test if one is named; else examples in the symbol's docstring and test files that mention it."""
    path = change.document.path
    if path is None:
        return Selection()
    if change.document.language != "python":
        return _select_elsewhere(path, change.document.language, root, symbol, failing)
    if failing:
        return Selection((failing,))
    wanted = re.compile(rf"\b{re.escape(symbol.split('.')[-1] or path.stem)}\b")
    module = re.compile(rf"\b{re.escape(path.stem)}\b")
    found = []
    for test in python_tests(root):
        if test.resolve() == path.resolve():
            return Selection((str(inside(root, test)),))
        text = test.read_text("utf-8", "replace")
        if module.search(text) and wanted.search(text):
            found.append(str(inside(root, test)))
    return Selection(tuple(found[:MAX_TEST_FILES]), () if found else tuple(sessions(change.document.text, symbol)))


def _select_elsewhere(path: Path, language: str, root: Path, symbol: str, failing: str) -> Selection:
    runner = runner_of(root, language)
    if runner is None:
        return Selection()
    if failing:
        return Selection((failing,), runner=runner)
    found = list(covering(path, language, root, symbol.split(".")[-1]))
    return Selection(tuple(found[:MAX_TESTS]), runner=runner if found else None)


class TestBench:
    """A scratch copy in which one text after another is put to the test: copying once is what makes many cheap."""

    __test__ = False  # not a test class, whatever its name says to pytest

    def __init__(self, root: Path, path: Path, copy: Path, python: Path, *, plugins: bool = True) -> None:
        """`plugins`: let pytest load all that is installed, as the project's own tests may need; it takes seconds."""
        self.plugins = plugins
        self.root = root
        self.relative = inside(root, path)
        self.copy = copy
        self.python = python
        self.readonly = tuple(interpreter_paths(python))

    def run(self, text: str, selection: Selection, extra: Mapping[PurePath, str] | None = None) -> Ran:
        """Put `text` in the document's place and run what was selected."""
        write_over(self.copy, self.relative, text)
        for name, content in (extra or {}).items():
            write_over(self.copy, name, content)
        if selection.runner is not None:
            return _as_ran(run_targets(selection.runner, self.root, self.copy, selection.targets))
        if selection.targets:
            ran = self.python_run([*PYTEST, *selection.targets])
            if self.plugins or not NEEDS_PLUGINS.search(ran.output):
                return ran
            self.plugins = True
            return self.python_run([*PYTEST, *selection.targets])
        program, arguments = example_command(self, selection)
        return self.python_run(["-c", program, *arguments])

    def python_run(self, arguments: Sequence[str], limits: Limits = LIMITS) -> Ran:
        environment = {"PYTHONPATH": f"{self.copy}{os.pathsep}{self.copy / 'src'}"}
        if not self.plugins:
            environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        command = [str(self.python), *arguments]
        return run(command, self.copy, limits=limits, readonly=self.readonly, environment=environment)


def _as_ran(result: Result) -> Ran:
    """In the terms of pytest: its statuses, and how many passed."""
    if result.ran is None:
        return Ran(NO_TESTS, result.problem, isolation(), 0.0)
    if result.ran.ended_for:
        return result.ran
    failures = [f"{case.name}\n{case.message}" for case in result.cases if not case.passed]
    said = "\n\n".join(failures) or result.problem or f"{len(result.passed)} passed"
    return replace(result.ran, status=1 if failures or not result.cases else 0, output=said)


def example_command(bench: TestBench, selection: Selection) -> tuple[str, list[str]]:
    """A program and its arguments that run the selected examples."""
    return RUNNER, [str(bench.relative), argument(selection.examples)]


def check_tests(change: Change, root: Path, selection: Selection, *, trusted: bool) -> CheckResult:
    """Tests that cover the change pass. Nothing runs without consent."""

    def check() -> Outcome:
        if not trusted:
            return "could_not_run", "running tests needs your consent: --run, or trust this workspace"
        if not selection or change.document.path is None:
            return "could_not_run", "no test was found that covers this change"
        with scratch_copy(root, {}) as copy:
            bench = TestBench(root, change.document.path, copy, project_python(root))
            return judge(bench.run(change.after, selection), selection)

    return timed(selection.name, check)


def configures_pytest(root: Path) -> bool:
    """Whether the project's tests are set up in a way that plugins may be part of."""
    if any((root / name).is_file() for name in ("pytest.ini", "conftest.py", "tox.ini", "tests/conftest.py")):
        return True
    settings = root / "pyproject.toml"
    return settings.is_file() and "[tool.pytest" in settings.read_text("utf-8", "replace")


def judge(ran: Ran, selection: Selection) -> Outcome:
    what = ", ".join([*selection.targets, *(f"examples of {held.function}" for held in selection.examples)])
    note = walls_note(ran.isolation)
    if ran.ended_for:
        return "failed", f"{what}: ended for {ran.ended_for}{note}"
    if ran.status == 0:
        if selection.targets and not PASSED.search(ran.output):  # code under test can leave with any status
            return "failed", f"{what}: ended before its tests were counted{note}"
        return "passed", what + note
    if ran.status == NO_TESTS:
        return "could_not_run", f"{what}: {ran.output if selection.runner else 'no tests were collected'}"
    if "No module named pytest" in ran.output:
        return "could_not_run", "pytest is not installed in the project's environment"
    return "failed", f"{tail(ran.output)}{note}"


def walls_note(isolation: Isolation) -> str:
    return "" if isolation != "limits only" else " (this system offers no sandbox: the network was open to it)"


def tail(output: str, lines: int = 24) -> str:
    """The end of a test's output, where the reason stands."""
    return "\n".join(output.rstrip().splitlines()[-lines:])[-2000:]
