from __future__ import annotations

import sys
from typing import Any

import pytest

from mmcore.actions.request import Diagnostic
from mmcore.errors import InputError
from mmcore.types import Position, Range

BROKEN = "def add(a, b):\n    return b\n\n\ndef other():\n    return 1\n"
TEST = "from sums import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n"
RIGHT = "def add(a, b):\n    return a + b"
WRONG = "def add(a, b):\n    return a * a + b * b"


@pytest.fixture
def sums(workspace: Any) -> Any:
    workspace.write("sums.py", BROKEN)
    workspace.write("test_sums.py", TEST)
    return workspace


async def test_the_failure_is_reproduced_and_shown_to_the_model(sums: Any, fenced: Any, statuses: Any) -> None:
    outcome = await sums.act(
        "fix", "sums.py", [fenced(RIGHT)], failing_test="test_sums.py::test_add", run=True, symbol="add"
    )
    assert outcome.passed
    assert statuses(outcome)["tests"] == "passed"
    assert "assert 2 == 3" in sums.prompts()[0]
    assert outcome.candidates == 1
    assert outcome.after == BROKEN.replace("return b", "return a + b")


async def test_what_a_check_said_is_fed_back(sums: Any, fenced: Any) -> None:
    sums.write("sums.py", BROKEN.replace("return b", "return 17"))
    answers = [fenced("def add(a, b):\n    return plus(a, b)"), fenced(RIGHT)]
    outcome = await sums.act("fix", "sums.py", answers, symbol="add", instruction="It must add.")
    assert outcome.passed
    assert outcome.candidates == 2
    assert "not defined anywhere: plus" in sums.prompts()[1]


async def test_small_edits_are_tried_where_tests_can_judge_them(sums: Any, fenced: Any) -> None:
    sums.write("sums.py", BROKEN.replace("return b", "return a - b"))
    outcome = await sums.act(
        "fix", "sums.py", [fenced(WRONG)], failing_test="test_sums.py::test_add", run=True, symbol="add"
    )
    assert outcome.passed
    assert outcome.after == BROKEN.replace("return b", "return a + b")
    assert "small edits, line 2: `-` to `+`" in outcome.message
    assert len(sums.prompts()) == 1


async def test_the_third_try_is_asked_without_the_test_which_may_lead_astray(sums: Any, fenced: Any) -> None:
    sums.write("sums.py", BROKEN.replace("return b", "return 17"))
    answers = [fenced(WRONG), fenced("def add(a, b):\n    return 5"), fenced(RIGHT)]
    outcome = await sums.act("fix", "sums.py", answers, failing_test="test_sums.py::test_add", run=True, symbol="add")
    assert outcome.passed
    assert ["def test_add" in prompt for prompt in sums.prompts()] == [True, False, False]
    assert "There is a bug in this code." in sums.prompts()[2]


async def test_when_none_passes_the_best_is_shown_with_what_it_fails(sums: Any, fenced: Any, statuses: Any) -> None:
    sums.write("test_sums.py", TEST.replace("== 3", "== 'impossible'"))
    outcome = await sums.act(
        "fix", "sums.py", [fenced(WRONG)], failing_test="test_sums.py::test_add", run=True, symbol="add"
    )
    assert not outcome.passed
    assert statuses(outcome)["tests"] == "failed"
    assert "a * a" in outcome.diff
    assert "none of" in outcome.message


async def test_a_test_that_passes_already_is_nothing_to_fix(sums: Any, fenced: Any) -> None:
    sums.write("sums.py", RIGHT + "\n")
    with pytest.raises(InputError, match="passes already"):
        await sums.act("fix", "sums.py", [fenced(RIGHT)], failing_test="test_sums.py::test_add", run=True, symbol="add")


async def test_nothing_runs_without_consent(sums: Any, fenced: Any, statuses: Any) -> None:
    sums.write("test_sums.py", f"open({str(sums.root / 'ran')!r}, 'w')\n{TEST}")
    outcome = await sums.act("fix", "sums.py", [fenced(RIGHT)], failing_test="test_sums.py::test_add", symbol="add")
    assert outcome.passed
    assert statuses(outcome)["tests"] == "could_not_run"
    assert not (sums.root / "ran").exists()


async def test_even_with_consent_the_tests_cannot_touch_the_workspace(sums: Any, fenced: Any) -> None:
    sums.write("test_sums.py", f"try: open({str(sums.root / 'ran')!r}, 'w')\nexcept OSError: pass\n{TEST}")
    outcome = await sums.act(
        "fix", "sums.py", [fenced(RIGHT)], failing_test="test_sums.py::test_add", symbol="add", run=True
    )
    assert outcome.passed
    assert not (sums.root / "ran").exists()


async def test_only_the_enclosing_function_may_change(sums: Any) -> None:
    output = "<<<<<<< SEARCH\n    return 1\n=======\n    return 2\n>>>>>>> REPLACE"
    outcome = await sums.act("fix", "sums.py", [output], symbol="add", instruction="x")
    assert not outcome.passed
    assert outcome.checks[-1].name == "scope"


async def test_the_linters_own_correction_comes_first(workspace: Any, statuses: Any) -> None:
    workspace.write("ruff.toml", "")
    workspace.write("a.py", "import os\n\nx = 1\n")
    at = Range(Position(0, 7), Position(0, 9))
    diagnostic = Diagnostic(at, "`os` imported but unused", "F401", "Ruff")
    outcome = await workspace.act("fix", "a.py", ["never asked"], diagnostics=(diagnostic,))
    assert outcome.passed
    assert statuses(outcome)["diagnostic gone"] == "passed"
    assert outcome.after == "x = 1\n"
    assert workspace.prompts() == []


async def test_a_diagnostic_that_stays_is_a_failed_check(workspace: Any, fenced: Any, statuses: Any) -> None:
    workspace.write("ruff.toml", "")
    workspace.write("a.py", "def f():\n    return missing\n")
    at = Range(Position(1, 11), Position(1, 18))
    diagnostic = Diagnostic(at, "Undefined name `missing`", "F821", "Ruff")
    outcome = await workspace.act("fix", "a.py", [fenced("def f():\n    return (missing)")], diagnostics=(diagnostic,))
    assert not outcome.passed
    assert statuses(outcome)["diagnostic gone"] == "failed"
    outcome = await workspace.act("fix", "a.py", [fenced("def f():\n    return None")], diagnostics=(diagnostic,))
    assert outcome.passed


async def test_all_diagnostics_of_a_file_are_fixed_and_those_that_could_not_be_are_named(
    workspace: Any, fenced: Any
) -> None:
    workspace.write("ruff.toml", "")
    workspace.write("a.py", "import os\nimport re\n\n\ndef f():\n    return missing\n")
    outcome = await workspace.act("fix", "a.py", [fenced("def f():\n    return other")])
    assert outcome.after == "def f():\n    return missing\n"
    assert [check.status for check in outcome.checks] == ["passed", "passed", "failed"]
    assert "2 of 3" in outcome.message


async def test_a_traceback_in_a_picture_is_evidence(sums: Any, fenced: Any) -> None:
    picture = sums.root / "shot.png"
    sums.pictures[picture] = "TypeError: unsupported operand"
    await sums.act("fix", "sums.py", [fenced(RIGHT)], symbol="add", images=(picture,))
    assert "│ TypeError: unsupported operand" in sums.prompts()[0]


async def test_without_anything_to_fix_it_says_what_is_missing(workspace: Any) -> None:
    workspace.write("a.py", "x = 1\ny = 2\n")
    with pytest.raises(InputError, match="name what is to be fixed"):
        await workspace.act("fix", "a.py", ["x"])


ESLINT = """\
#!{python}
import json, pathlib, sys
lines = pathlib.Path(sys.argv[-1]).read_text().split("\\n")
wrong = [n for n, line in enumerate(lines, 1) if "missing" in line]
found = [{{"line": n, "ruleId": "no-undef", "message": "'missing' is not defined."}} for n in wrong]
print(json.dumps([{{"filePath": sys.argv[-1], "messages": found}}]))
sys.exit(bool(found))
"""


async def test_a_diagnostic_of_another_linter_is_gone_when_that_linter_says_so(
    workspace: Any, fenced: Any, statuses: Any
) -> None:
    workspace.write("eslint.config.mjs", "export default [];\n")
    workspace.write("node_modules/.bin/eslint", ESLINT.format(python=sys.executable)).chmod(0o755)
    workspace.write("a.js", "function f() {\n  return missing;\n}\n")
    at = Range(Position(1, 9), Position(1, 16))
    request = {"diagnostics": (Diagnostic(at, "'missing' is not defined.", "no-undef", "eslint"),), "run": True}
    answers = [fenced("function f() {\n  return (missing);\n}", "js"), fenced("function f() {\n  return 1;\n}", "js")]
    outcome = await workspace.act("fix", "a.js", answers, **request)
    assert outcome.passed
    assert outcome.candidates == 2
    assert statuses(outcome)["diagnostic gone"] == statuses(outcome)["eslint"] == "passed"
    assert "no-undef" in workspace.prompts()[1]
    outcome = await workspace.act("fix", "a.js", answers, **{**request, "run": False})
    assert statuses(outcome)["diagnostic gone"] == "could_not_run"
