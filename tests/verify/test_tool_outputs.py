"""What eslint, tsc, pyright, cargo, go, vitest and jest really printed, and what is read of it."""

from __future__ import annotations

import json
from pathlib import Path, PurePath

import pytest

from mmcore.verify.linters import LINTERS
from mmcore.verify.runner_coverage import coverage_left
from mmcore.verify.runners import COVERED, RUNNERS, Runner, runner_of

OUTPUTS = Path(__file__).parent / "outputs"


def said(name: str) -> str:
    return (OUTPUTS / name).read_text("utf-8")


@pytest.mark.parametrize(
    ("tool", "output", "found"),
    [
        ("eslint", "eslint.json", [("a.js", 2, "no-undef", "'missing' is not defined.")]),
        ("tsc", "tsc.txt", [("b.ts", 2, "TS2322", "Type 'string' is not assignable to type 'number'.")]),
        ("cargo", "cargo_check.jsonl", [("lib.rs", 2, "E0308", "mismatched types")]),
        ("go", "go_vet.txt", [("sums.go", 7, "vet", "unreachable code")]),
    ],
)
def test_linters_are_read_as_they_print(tool: str, output: str, found: list[tuple[str, int, str, str]]) -> None:
    linter = next(linter for linter in LINTERS if linter.name == tool)
    read = linter.read(said(output))
    assert [(Path(item.path).name, item.line, item.rule, item.message) for item in read] == found


def test_pyright_is_read_as_it_prints() -> None:
    linter = next(linter for linter in LINTERS if linter.name == "pyright")
    (finding,) = linter.read(said("pyright.json"))
    assert (Path(finding.path).name, finding.line, finding.rule) == ("c.py", 2, "reportReturnType")


def runner(name: str) -> Runner:
    return next(runner for runner in RUNNERS if runner.name == name)


@pytest.mark.parametrize(
    ("name", "printed", "report", "names", "message"),
    [
        ("vitest", "", "vitest.json", ["clamp keeps low", "clamp wrong one"], "expected 3 to be 4"),
        ("jest", "", "jest.json", ["clamp keeps low", "clamp wrong one"], "Received: 3"),
        ("cargo test", "cargo_test.txt", "", ["tests::keeps_low", "tests::wrong_one"], "right: 4"),
        ("go test", "go_test.jsonl", "", ["TestLow", "TestWrong"], "got 3"),
    ],
)
def test_runners_are_read_as_they_print(name: str, printed: str, report: str, names: list[str], message: str) -> None:
    cases = runner(name).read(said(printed) if printed else "", said(report) if report else "")
    assert [(case.name, case.passed) for case in cases] == [(names[0], True), (names[1], False)]
    assert message in cases[1].message
    assert "stack" not in cases[1].message


def test_only_the_wanted_tests_are_run() -> None:
    targets = ["src/sums.test.ts::keeps low", "src/sums.test.ts"]
    for name in ("vitest", "jest"):
        arguments = runner(name).arguments(targets, False)
        assert arguments[-1] == "src/sums.test.ts"
        assert arguments[arguments.index("-t") + 1] == "keeps low"
    assert runner("cargo test").arguments(["tests::a"], False)[-1] == "tests::a"
    assert runner("go test").arguments(["./pkg::TestA", "./pkg::TestB"], False)[-2:] == [
        "-run=^(TestA|TestB)$",
        "./pkg",
    ]


def test_the_runner_is_the_one_that_the_project_names(tmp_path: Path) -> None:
    assert runner_of(tmp_path, "typescript") is None
    (tmp_path / "package.json").write_text(json.dumps({"devDependencies": {"jest": "^29"}}))
    assert runner_of(tmp_path, "typescript") == runner("jest")
    (tmp_path / "package.json").write_text(json.dumps({"scripts": {"test": "vitest run"}}))
    assert runner_of(tmp_path, "javascript") == runner("vitest")
    (tmp_path / "package.json").write_text("[]")
    assert runner_of(tmp_path, "javascript") is None
    (tmp_path / "go.mod").write_text("module m\n")
    assert runner_of(tmp_path, "go") == runner("go test")
    assert runner_of(tmp_path, "rust") is None


def test_coverage_is_of_the_lines_that_are_asked_about(tmp_path: Path) -> None:
    (tmp_path / COVERED).mkdir()
    report = tmp_path / COVERED / "coverage-final.json"
    report.write_text(said("istanbul.json"))
    found = coverage_left(tmp_path, PurePath("sums.js"), 1, 6)
    assert found is not None
    assert (found.lines, found.missed) == (pytest.approx(2 / 3), (5,))
    assert found.branches == pytest.approx(1 / 4)
    report.write_text('{"x": 3}')
    assert coverage_left(tmp_path, PurePath("sums.js"), 1, 6) is None


def test_coverage_of_go_counts_lines(tmp_path: Path) -> None:
    (tmp_path / COVERED).write_text(said("go_cover.txt"))
    found = coverage_left(tmp_path, PurePath("sums.go"), 1, 20)
    assert found is not None
    assert 11 in found.missed
    assert 5 not in found.missed
    assert coverage_left(tmp_path, PurePath("other.go"), 1, 20) is None
