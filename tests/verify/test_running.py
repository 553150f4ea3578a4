"""Consent, the scratch copy, tests that are run there, and mutants."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path, PurePath

import pytest

from mmcore.config import state_dir
from mmcore.errors import DocumentError
from mmcore.types import Document
from mmcore.verify import consent
from mmcore.verify.batch import run_selection
from mmcore.verify.examples import sessions
from mmcore.verify.mutants import mutants
from mmcore.verify.pytest_run import kills, measure_coverage, run_tests, values_now
from mmcore.verify.result import Change
from mmcore.verify.scratch import read_back, scratch_copy, write_over
from mmcore.verify.tests_run import Selection, TestBench, check_tests, select
from mmcore.verify.toolchain import project_python

CODE = '''\
def clamp(x, low, high):
    """Keep x within bounds.

    >>> clamp(5, 0, 3)
    3
    """
    if x < low:
        return low
    if x > high:
        return high
    return x
'''
TESTS = """\
from bounds import clamp


def test_high():
    assert clamp(5, 0, 3) == 3


def test_in():
    assert clamp(1, 0, 3) == 1
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "bounds.py").write_text(CODE)
    (tmp_path / "test_bounds.py").write_text(TESTS)
    return tmp_path


@pytest.fixture
def bench(root: Path) -> Iterator[TestBench]:
    with scratch_copy(root, {}) as copy:
        yield TestBench(root, root / "bounds.py", copy, project_python(root), plugins=False)


def change(root: Path, after: str) -> Change:
    path = root / "bounds.py"
    return Change(Document(path.as_uri(), "python", CODE, path=path), after)


def test_nothing_may_run_until_the_user_has_said_so(tmp_path: Path) -> None:
    assert (consent.decision(tmp_path), consent.may_run(tmp_path)) == ("unknown", False)
    consent.grant(tmp_path)
    assert consent.may_run(tmp_path)
    assert not consent.may_run(tmp_path / "inner")
    assert stat.S_IMODE((state_dir() / "trust.json").stat().st_mode) == 0o600
    consent.revoke(tmp_path)
    assert (consent.decision(tmp_path), consent.may_run(tmp_path)) == ("unknown", False)


def test_a_refusal_is_kept(tmp_path: Path) -> None:
    consent.refuse(tmp_path)
    assert (consent.decision(tmp_path), consent.may_run(tmp_path)) == ("refused", False)


def test_a_damaged_record_grants_nothing(tmp_path: Path) -> None:
    consent.grant(tmp_path)
    (state_dir() / "trust.json").write_text('{"' + str(tmp_path))
    assert not consent.may_run(tmp_path)


def test_without_consent_no_test_runs(root: Path) -> None:
    (root / "test_bounds.py").write_text(f"open({str(root / 'ran')!r}, 'w')\n" + TESTS)
    made = change(root, CODE + "\n")
    result = check_tests(made, root, select(made, root, "clamp"), trusted=False)
    assert (result.status, "consent" in result.detail) == ("could_not_run", True)
    assert not (root / "ran").exists()


def test_the_copy_holds_what_git_would_and_no_way_out(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret"
    outside.write_text("swordfish")
    (root / "node_modules").mkdir()
    (root / "node_modules" / "big.js").write_text("x")
    (root / "absolute").symlink_to(outside)
    (root / "relative").symlink_to(Path("..") / outside.parent.name / "secret")
    (root / "inner").symlink_to("bounds.py")
    with scratch_copy(root, {root / "new.py": "y = 1\n"}) as copy:
        held = {path.name for path in copy.iterdir()}
        assert held == {"bounds.py", "test_bounds.py", "inner", "new.py"}
        assert (copy / "inner").read_text() == CODE
    assert not copy.exists()


def test_the_configuration_of_a_repository_starts_nothing(root: Path) -> None:
    import subprocess

    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    subprocess.run(["git", "config", "core.fsmonitor", f"touch {root / 'ran'}; false"], cwd=root, check=True)
    with scratch_copy(root, {}) as copy:
        assert (copy / "bounds.py").exists()
    assert not (root / "ran").exists()


def test_a_change_outside_the_workspace_is_refused(root: Path) -> None:
    with pytest.raises(DocumentError, match="outside"), scratch_copy(root, {root.parent / "x.py": ""}):
        raise AssertionError


def test_links_that_the_code_planted_are_not_followed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret").write_text("swordfish")
    with scratch_copy(root, {}) as copy:
        (copy / "out").symlink_to(outside)
        (copy / "file").symlink_to(outside / "secret")
        with pytest.raises(DocumentError, match="leads out"):
            write_over(copy, PurePath("out/planted"), "x")
        write_over(copy, PurePath("file"), "x")
        assert read_back(copy, PurePath("out/secret")) == ""
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert (outside / "secret").read_text() == "swordfish"


def test_the_narrowest_tests_are_chosen(root: Path) -> None:
    (root / "test_other.py").write_text("def test_nothing(): pass\n")
    made = change(root, CODE)
    assert select(made, root, "clamp") == Selection(("test_bounds.py",))
    assert select(made, root, "clamp", "test_bounds.py::test_in") == Selection(("test_bounds.py::test_in",))
    (root / "test_bounds.py").unlink()
    held = tuple(sessions(CODE))
    assert select(made, root, "clamp") == Selection((), held)
    assert [session.function for session in held] == ["clamp"]


def test_tests_pass_and_fail_as_the_code_does(root: Path, bench: TestBench) -> None:
    selection = Selection(("test_bounds.py",))
    assert bench.run(CODE, selection).status == 0
    failed = bench.run(CODE.replace("return high", "return low"), selection)
    assert failed.status == 1
    assert "assert 0 == 3" in failed.output
    examples = Selection((), tuple(sessions(CODE)))
    assert bench.run(CODE, examples).status == 0
    assert bench.run(CODE.replace("return high", "return low"), examples).status == 1
    assert (root / "bounds.py").read_text() == CODE


def test_code_that_leaves_early_has_not_passed(root: Path) -> None:
    made = change(root, "import os\nos._exit(0)\n" + CODE)
    assert check_tests(made, root, Selection(("test_bounds.py",)), trusted=True).status == "failed"


def test_verdicts_name_the_tests(bench: TestBench) -> None:
    verdicts = run_tests(
        bench, CODE, PurePath("test_x.py"), TESTS + "\n\ndef test_bad():\n    assert clamp(1, 2, 3) == 9\n"
    )
    assert (verdicts.passed, verdicts.failed) == ({"test_high", "test_in"}, {"test_bad"})


def test_a_file_that_does_not_load_is_a_problem_and_no_verdict(bench: TestBench) -> None:
    verdicts = run_tests(bench, CODE, PurePath("test_x.py"), "import nothing_like_it\n")
    assert not verdicts.passed
    assert verdicts.problem or verdicts.failed


def test_coverage_names_the_lines_that_were_not_reached(bench: TestBench) -> None:
    found = measure_coverage(bench, CODE, PurePath("test_x.py"), TESTS, 1, 11)
    assert found is not None
    assert found.missed == (8,)
    assert 0 < found.lines < 1
    assert found.branches == 0.75


def test_mutants_are_noticed_by_the_tests_that_reach_them(bench: TestBench) -> None:
    every = list(mutants(CODE, 9, 9))
    noticed = list(kills(bench, PurePath("test_x.py"), TESTS, every[:3]))
    assert len(noticed) == 3
    assert any("test_high" in names for names in noticed)


def test_values_are_recorded_only_as_literals(bench: TestBench) -> None:
    head = "from bounds import clamp"
    cases = [(head, "x = 9", "clamp(x, 0, 3)"), (head, "", "clamp"), (head, "", "clamp(1)"), (head, "", "float('nan')")]
    assert values_now(bench, CODE, cases) == ["3", "", "", ""]


def test_mutants_compile_differ_and_keep_the_rest_of_the_file() -> None:
    text = "# é\n" + CODE + "\n\nuntouched  =  1  # as it was\n"
    made = list(mutants(text, 2, 12))
    assert len(made) == len({m.text for m in made}) > 10
    for mutant in made:
        compile(mutant.text, "m", "exec")
        assert mutant.text.endswith("untouched  =  1  # as it was\n")
    assert any("`<` to `<=`" in m.description for m in made)


def test_mutants_mend_typical_slips() -> None:
    slips = {
        "def f(a, b):\n    return a - b\n": "a + b",
        "def f(a, b):\n    return a < b\n": "a <= b",
        "def f(n):\n    return list(range(n))\n": "range(n + 1)",
        "def f(a, b):\n    return a and b\n": "a or b",
        "def f(a, b):\n    return [a, a]\n": "[a, b]",
        "def f(xs):\n    return min(xs)\n": "max(xs)",
        "def f(x):\n    return x + 1 + 1\n": "return x + 1\n",
    }
    for code, mended in slips.items():
        assert any(mended in mutant.text for mutant in mutants(code, 1, 2)), code


def test_plugins_are_loaded_when_a_test_turns_out_to_need_one(bench: TestBench) -> None:
    write_over(bench.copy, PurePath("test_late.py"), "def test_late(event_loop_policy): assert event_loop_policy\n")
    assert not bench.plugins
    assert bench.run(CODE, Selection(("test_late.py",))).status == 0
    assert bench.plugins


def test_many_versions_run_in_one_sandbox_and_each_by_itself(bench: TestBench) -> None:
    endless = CODE.replace("return high", "while True: pass")
    gone = CODE.replace("return high", "__import__('os')._exit(0)")
    wrong = CODE.replace("return high", "return 0")
    selection = Selection(("test_bounds.py",))
    verdicts = run_selection(bench, [wrong, endless, gone, CODE, CODE], selection, first=False)
    assert [verdict.status for verdict in verdicts] == [1, None, 0, 0, 0]
    verdicts = run_selection(bench, [wrong, CODE, CODE], Selection((), tuple(sessions(CODE))), first=True)
    assert [verdict.status for verdict in verdicts] == [1, 0]
