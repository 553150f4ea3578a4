"""What each check passes, fails, and says that it cannot tell."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mmcore.text import position_at
from mmcore.types import Document, Edit, Position, Range
from mmcore.verify import lint
from mmcore.verify.applies import check_applies
from mmcore.verify.formatting import changed_lines, format_change, within
from mmcore.verify.linters import Finding
from mmcore.verify.names import check_names, unresolved
from mmcore.verify.parses import check_parses
from mmcore.verify.result import Change
from mmcore.verify.scope import check_code_unchanged, check_scope
from mmcore.verify.toolchain import libraries

CODE = "import os\n\n\ndef f(x):\n    return x\n\n\ndef g():\n    return os.sep\n"


def document(text: str = CODE, language: str = "python", path: Path | None = None, version: int | None = 3) -> Document:
    return Document(path.as_uri() if path else "untitled:1", language, text, version, path)


def between(text: str, begin: str, end: str) -> Range:
    return Range(position_at(text, text.index(begin)), position_at(text, text.index(end)))


def test_edit_for_another_version_does_not_apply() -> None:
    edit = Edit(Range(Position(0, 0), Position(0, 6)), "from")
    result = check_applies(document(), [edit], "anything", version=2)
    assert result.status == "failed"
    assert "version 2" in result.detail


@pytest.mark.parametrize("place", [Position(99, 0), Position(0, 99), Position(-1, 0)])
def test_edit_outside_the_text_does_not_apply(place: Position) -> None:
    assert check_applies(document(), [Edit(Range(place, place), "x")], CODE + "x", 3).status == "failed"


def test_overlapping_edits_do_not_apply() -> None:
    one = Edit(Range(Position(0, 0), Position(0, 4)), "x")
    two = Edit(Range(Position(0, 2), Position(0, 6)), "y")
    assert check_applies(document(), [one, two], "xy", 3).status == "failed"


@pytest.mark.parametrize("broken", ["def f(:\n    pass\n", "return 1\n", "x = 'open\n", "if x:\npass\n"])
def test_python_that_no_longer_compiles_fails(broken: str) -> None:
    assert check_parses(Change(document(), CODE + broken)).status == "failed"


def test_a_file_that_was_broken_may_stay_as_broken_but_not_become_worse() -> None:
    before = document("def f(:\n    pass\n")
    assert check_parses(Change(before, before.text + "x = 1\n")).status == "passed"
    assert check_parses(Change(before, before.text + "y = ((\n")).status == "failed"


def test_other_languages_are_judged_by_their_grammar() -> None:
    before = document("function f() { return 1 }\n", "typescript")
    assert check_parses(Change(before, "function f() { return 2 }\n")).status == "passed"
    failed = check_parses(Change(before, "function f() { return (2 }\n"))
    assert failed.status == "failed"
    assert "line 1" in failed.detail


def test_a_language_without_a_grammar_cannot_be_judged() -> None:
    assert check_parses(Change(document("x", "klingon"), "y")).status == "could_not_run"


def test_change_inside_its_scope_passes() -> None:
    allowed = between(CODE, "def f", "\n\n\ndef g")
    assert check_scope(Change(document(), CODE.replace("return x", "return x + 1")), allowed).status == "passed"


def test_change_outside_its_scope_fails() -> None:
    allowed = between(CODE, "def f", "\n\n\ndef g")
    failed = check_scope(Change(document(), CODE.replace("os.sep", "os.linesep")), allowed)
    assert failed.status == "failed"
    assert check_scope(Change(document(), "x = 1\n" + CODE), allowed).status == "failed"
    assert check_scope(Change(document(), CODE.removeprefix("import os\n")), allowed).status == "failed"


def test_an_added_import_is_within_any_scope() -> None:
    allowed = between(CODE, "def f", "\n\n\ndef g")
    after = "import math\n" + CODE.replace("return x", "return math.floor(x)")
    assert check_scope(Change(document(), after), allowed).status == "passed"


@pytest.mark.parametrize(
    ("language", "before", "documented", "changed"),
    [
        (
            "python",
            "def f(a):\n    return a\n",
            'def f(a):\n    """D."""\n    return a\n',
            "def f(a):\n    return -a\n",
        ),
        (
            "javascript",
            "function f(a) { return a }\n",
            "/** D. */\nfunction f(a) { return a }\n",
            "function f(b) { return b }\n",
        ),
        ("rust", "fn f() -> i32 { 1 }\n", "/// D.\nfn f() -> i32 { 1 }\n", "fn f() -> i32 { 2 }\n"),
        (
            "go",
            "package p\nfunc f() int { return 1 }\n",
            "package p\n// f is.\nfunc f() int { return 1 }\n",
            "package p\n",
        ),
    ],
)
def test_documentation_may_change_and_code_may_not(language: str, before: str, documented: str, changed: str) -> None:
    assert check_code_unchanged(Change(document(before, language), documented)).status == "passed"
    assert check_code_unchanged(Change(document(before, language), changed)).status == "failed"


def test_names_that_nobody_defines_are_found() -> None:
    failed = check_names(Change(document(), CODE.replace("return x", "return helper(x)")))
    assert (failed.status, failed.detail) == ("failed", "not defined anywhere: helper")


@pytest.mark.parametrize(
    "code",
    [
        "def f():\n    return [y for y in range(3) if y]\n",
        "class A:\n    size = 1\n    def f(self): return __class__, self.size\n",
        "def f():\n    global late\n    late = 1\ndef g():\n    return late\n",
        "try:\n    import tomllib\nexcept ImportError:\n    tomllib = None\nprint(tomllib, __file__)\n",
        "def f(x):\n    match x:\n        case [a, *rest]:\n            return a, rest\n",
        "async def f():\n    async with open() as h:\n        return (await h)\n",
        "import a.b\nprint(a.b)\n",
        "if (n := 3) > 2:\n    print(n)\n",
    ],
)
def test_names_that_python_itself_finds_are_not_complained_about(code: str) -> None:
    assert unresolved(code) == set()


def test_imports_must_exist_in_the_library_the_environment_or_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "cart.py").write_text("class Cart: ...\n")
    path = tmp_path / "shop" / "app.py"

    def verdict(line: str) -> str:
        change = Change(document("", path=path), f"{line}\n")
        return check_names(change, [tmp_path], libraries(tmp_path)).status

    good = "import json", "import pytest", "from shop.cart import Cart", "from .cart import Cart", "from . import cart"
    bad = "import jsonn", "from shop.cart import Basket", "from .basket import Cart", "import pytestt.plugin"
    assert [verdict(line) for line in good] == ["passed"] * len(good)
    assert [verdict(line) for line in bad] == ["failed"] * len(bad)


def test_star_imports_hide_what_exists() -> None:
    assert check_names(Change(document(), "from os import *\nprint(nothing)\n")).status == "could_not_run"


def test_new_diagnostics_are_told_from_old_ones_that_moved() -> None:
    old = [Finding("a.py", 3, "E1", "bad"), Finding("a.py", 9, "E1", "bad")]
    moved = [Finding("a.py", 5, "E1", "bad"), Finding("a.py", 11, "E1", "bad")]
    assert lint.new_findings(old, moved) == []
    assert lint.new_findings(old, [*moved, Finding("a.py", 1, "E1", "bad")]) != []


def test_ruff_runs_as_the_project_configures_it_and_reports_what_is_new(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    assert lint.check_linters(Change(document(path=path), CODE + "import sys\n"), tmp_path, trusted=False) == []
    (tmp_path / "ruff.toml").write_text('[lint]\nselect = ["F"]\n')
    (result,) = lint.check_linters(Change(document(path=path), CODE + "import sys\n"), tmp_path, trusted=False)
    assert result.status == "failed"
    assert "F401" in result.detail
    (result,) = lint.check_linters(Change(document(path=path), CODE + "x = 1\n"), tmp_path, trusted=False)
    assert result.status == "passed"


def test_a_tool_that_can_run_the_workspaces_code_waits_for_trust(tmp_path: Path) -> None:
    (tmp_path / "mypy.ini").write_text("[mypy]\nplugins = evil.py\n")
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    path = tmp_path / "a.py"
    path.write_text(CODE)
    (result,) = lint.check_linters(Change(document(path=path), CODE + "x = 1\n"), tmp_path, trusted=False)
    assert (result.status, "trust" in result.detail) == ("could_not_run", True)
    lint.check_linters(Change(document(path=path), CODE + "x = 1\n"), tmp_path, trusted=True)
    assert not (tmp_path / "ran").exists()  # and even then it writes to its scratch copy only


def test_mypy_reports_new_type_errors_in_a_trusted_workspace(tmp_path: Path) -> None:
    (tmp_path / "mypy.ini").write_text("[mypy]\nstrict = True\n")
    path = tmp_path / "a.py"
    path.write_text(typed := "def f(x: int) -> int:\n    return x\n")
    change = Change(document(typed, path=path), typed.replace("return x", "return str(x)"))
    (result,) = lint.check_linters(change, tmp_path, trusted=True)
    assert result.status == "failed"
    assert "return-value" in result.detail


def test_a_program_inside_the_workspace_is_not_started_without_trust(tmp_path: Path) -> None:
    (tmp_path / "ruff.toml").write_text("")
    planted = tmp_path / ".venv" / "bin" / "ruff"
    planted.parent.mkdir(parents=True)
    planted.write_text(f"#!/bin/sh\ntouch {tmp_path / 'ran'}\necho '[]'\n")
    planted.chmod(0o755)
    path = tmp_path / "a.py"
    lint.check_linters(Change(document(path=path), CODE + "x = 1\n"), tmp_path, trusted=False)
    assert not (tmp_path / "ran").exists()


def test_the_projects_formatter_lays_out_the_changed_lines_only(tmp_path: Path) -> None:
    (tmp_path / "ruff.toml").write_text("")
    text = "x   =  1\n\n\ndef f(a):\n    return a\n"
    path = tmp_path / "a.py"
    after, result = format_change(
        document(text, path=path), text.replace("return a", "return a+1 ;"), tmp_path, trusted=False
    )
    assert result is not None
    assert result.status == "passed"
    assert after == "x   =  1\n\n\ndef f(a):\n    return a + 1\n"


def test_without_a_configured_formatter_nothing_is_laid_out(tmp_path: Path) -> None:
    assert format_change(document(path=tmp_path / "a.py"), "x=1\n", tmp_path, trusted=True) == ("x=1\n", None)


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ("a\nb\nc\n", "a\nX\nc\n", (2, 2)),
        ("a\nb\n", "a\nb\nc\n", (3, 3)),
        ("a\nb\nc\n", "a\nc\n", (2, 2)),
        ("", "a\nb\n", (1, 2)),
    ],
)
def test_changed_lines_are_those_that_the_edit_made(before: str, after: str, lines: tuple[int, int]) -> None:
    assert changed_lines(before, after) == lines


def test_of_a_formatter_that_knows_no_lines_only_the_changed_ones_are_taken() -> None:
    after, formatted = "a  =1\nkeep\nb  =2\nkeep\n", "a = 1\nkeep\nb = 2\nkeep\n"
    assert within(after, formatted, 3, 3) == "a  =1\nkeep\nb = 2\nkeep\n"
    assert within(after, formatted, 1, 4) == formatted
    assert within(after, formatted, 2, 2) == after


def test_prettier_runs_in_the_sandbox_and_only_where_it_may(tmp_path: Path) -> None:
    (tmp_path / ".prettierrc").write_text("{}")
    program = tmp_path / "node_modules" / ".bin" / "prettier"
    program.parent.mkdir(parents=True)
    program.write_text(
        f"#!{sys.executable}\nimport pathlib, sys\np = pathlib.Path(sys.argv[-1])\n"
        "p.write_text(p.read_text().replace('return  ', 'return '))\n"
    )
    program.chmod(0o755)
    path = tmp_path / "a.ts"
    path.write_text("f();\n")
    before = Document(path.as_uri(), "typescript", "f();\n", path=path)
    text = "f();\nfunction g() { return  1; }\n"
    after, result = format_change(before, text, tmp_path, trusted=False)
    assert (after, result and result.status) == (text, "could_not_run")
    after, result = format_change(before, text, tmp_path, trusted=True)
    assert after == "f();\nfunction g() { return 1; }\n"
    assert path.read_text() == "f();\n"
