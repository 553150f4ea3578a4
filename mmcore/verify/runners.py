"""The test runners of other languages than Python: which project has one, how it is called, what it prints."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from mmcore.verify.sandbox import Limits, Ran, run
from mmcore.verify.scratch import read_back
from mmcore.verify.toolchain import find_program, tool_environment

SCRIPT = frozenset({"javascript", "javascriptreact", "typescript", "typescriptreact"})
LIMITS = Limits(seconds=120.0, memory_mb=3072, address_space_mb=None, processes=512, file_mb=512, scratch_mb=2048)
REPORT = PurePath(".sidesight-tests.json")
COVERED = PurePath(".sidesight-coverage")


@dataclass(frozen=True, slots=True)
class Case:
    """One test that ran; `message` is what it said when it failed."""

    name: str
    passed: bool
    message: str = ""


@dataclass(frozen=True, slots=True)
class Runner:
    """`arguments` takes targets (`FILE`, `FILE::NAME`, for Cargo `NAME`) and whether to measure coverage.

    `read` takes what was printed and what was left in `REPORT`.
    """

    name: str
    program: str
    languages: frozenset[str]
    wanted: Callable[[Path], bool]
    arguments: Callable[[Sequence[str], bool], list[str]]
    read: Callable[[str, str], list[Case]]


@dataclass(frozen=True, slots=True)
class Result:
    """`problem` says why there are no cases."""

    ran: Ran | None
    cases: tuple[Case, ...]
    problem: str = ""

    @property
    def passed(self) -> frozenset[str]:
        return frozenset(case.name for case in self.cases if case.passed) - self.failed

    @property
    def failed(self) -> frozenset[str]:
        return frozenset(case.name for case in self.cases if not case.passed)


def runner_of(root: Path, language: str) -> Runner | None:
    """The runner that the project asks for."""
    return next((r for r in RUNNERS if language in r.languages and r.wanted(root)), None)


def run_targets(runner: Runner, root: Path, copy: Path, targets: Sequence[str], *, coverage: bool = False) -> Result:
    """Run the targets in `copy`, a scratch copy of the trusted workspace `root`."""
    program = find_program(runner.program, root, trusted=True)
    if program is None:
        return Result(None, (), f"{runner.program} is not installed")
    modules = root / "node_modules"
    if modules.is_dir() and not (copy / "node_modules").exists():
        (copy / "node_modules").symlink_to(modules)
    (copy / REPORT).unlink(missing_ok=True)
    ran = run(
        [str(program.path), *runner.arguments(targets, coverage)],
        copy,
        limits=LIMITS,
        readonly=[*program.readonly, *([modules] if modules.is_dir() else [])],
        environment=tool_environment(program, copy),
    )
    if ran.ended_for:
        return Result(ran, (), f"ended for {ran.ended_for}")
    try:
        cases = runner.read(ran.output, read_back(copy, REPORT))
    except (ValueError, KeyError, TypeError, AttributeError):
        cases = []  # whatever ran in the copy may have written there
    return Result(ran, tuple(cases), "" if cases else ran.output.strip()[-1500:] or "no tests were found")


def _split(targets: Sequence[str]) -> tuple[list[str], list[str]]:
    """Files (or packages) and names, each once."""
    pairs = [target.partition("::") for target in targets]
    return list(dict.fromkeys(p[0] for p in pairs if p[0])), list(dict.fromkeys(p[2] for p in pairs if p[2]))


def _any(names: Sequence[str]) -> str:
    return "|".join(re.escape(name).replace(r"\ ", " ") for name in names)


def _vitest(targets: Sequence[str], coverage: bool) -> list[str]:
    files, names = _split(targets)
    flags = ["--coverage.enabled", "--coverage.reporter=json", f"--coverage.reportsDirectory={COVERED}"]
    flags = flags if coverage else []
    wanted = ["-t", _any(names)] if names else []
    return ["run", "--reporter=json", f"--outputFile={REPORT}", "--cache=false", *flags, *wanted, *files]


def _jest(targets: Sequence[str], coverage: bool) -> list[str]:
    files, names = _split(targets)
    flags = ["--coverage", "--coverageReporters=json", f"--coverageDirectory={COVERED}"] if coverage else []
    wanted = ["-t", _any(names)] if names else []
    # In its own process, for what it starts in others it waits for without end where memory is short.
    return ["--ci", "--json", f"--outputFile={REPORT}", "--runInBand", "--no-cache", *flags, *wanted, "--", *files]


def _cargo(targets: Sequence[str], coverage: bool) -> list[str]:
    return ["test", "--offline", "--color=never", "--quiet", "--", "--format=pretty", *targets]


def _go(targets: Sequence[str], coverage: bool) -> list[str]:
    packages, names = _split(targets)
    flags = [f"-coverprofile={COVERED}", "-covermode=count"] if coverage else []
    wanted = [f"-run=^({'|'.join(names)})$"] if names else []
    return ["test", "-json", "-vet=off", *flags, *wanted, *(packages or ["./..."])]


def _read_script(output: str, report: str) -> list[Case]:
    """Vitest writes the form of Jest: https://jestjs.io/docs/cli#--json"""
    return [
        Case(one["fullName"], one["status"] == "passed", _first(one.get("failureMessages")))
        for file in json.loads(report)["testResults"]
        for one in file["assertionResults"]
        if one["status"] in ("passed", "failed")
    ]


def _first(messages: Any) -> str:
    """The first message without its colours and stack."""
    said = re.sub(r"\x1b\[[0-9;]*m", "", str(messages[0])) if messages else ""
    return said.split("\n    at ")[0].strip()


def _read_cargo(output: str, report: str) -> list[Case]:
    found = re.findall(r"^test (\S+)(?: - should panic)? \.\.\. (ok|FAILED)$", output, re.M)
    said = dict(re.findall(r"^---- (\S+) stdout ----\n(.*?)(?=\n---- |\nfailures:|\Z)", output, re.M | re.S))
    said = {name: text.split("\nstack backtrace:")[0].strip() for name, text in said.items()}
    return [Case(name, verdict == "ok", said.get(name, "")) for name, verdict in found]


def _read_go(output: str, report: str) -> list[Case]:
    """https://pkg.go.dev/cmd/test2json"""
    said: dict[str, str] = {}
    verdicts: dict[str, bool] = {}
    for line in output.splitlines():
        event = json.loads(line) if line.startswith("{") else {}
        name = event.get("Test")
        if not name or "/" in name:
            continue
        if event["Action"] == "output":
            said[name] = said.get(name, "") + event["Output"]
        elif event["Action"] in ("pass", "fail"):
            verdicts[name] = event["Action"] == "pass"
    return [Case(name, passed, said.get(name, "").strip()) for name, passed in verdicts.items()]


def _package_names(word: str) -> Callable[[Path], bool]:
    """package.json has it as a dependency, or its test script calls it."""

    def asks(root: Path) -> bool:
        try:
            held = json.loads((root / "package.json").read_text("utf-8"))
            parts = [*held.get("devDependencies", ()), *held.get("dependencies", ())]
            return word in parts or word in str(held.get("scripts", {}).get("test", "")).split()
        except (OSError, ValueError, AttributeError, TypeError):
            return False

    return asks


RUNNERS = (
    Runner("vitest", "vitest", SCRIPT, _package_names("vitest"), _vitest, _read_script),
    Runner("jest", "jest", SCRIPT, _package_names("jest"), _jest, _read_script),
    Runner(
        *("cargo test", "cargo", frozenset({"rust"}), lambda root: (root / "Cargo.toml").is_file()),
        *(_cargo, _read_cargo),
    ),
    Runner("go test", "go", frozenset({"go"}), lambda root: (root / "go.mod").is_file(), _go, _read_go),
)
