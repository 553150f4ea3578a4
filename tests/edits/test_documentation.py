"""Docstrings in three styles and documentation comments in three languages, where they belong."""

from __future__ import annotations

import ast

import pytest

from mmcore.edits.doc_comment import set_comment
from mmcore.edits.docstring import Doc, render, set_docstring, style_of

DOC = Doc(
    "Add two numbers.",
    (("a", "int", "The first."), ("*rest", "", "The others.")),
    ("int", "Their sum."),
    None,
    (("ValueError", "When there is none."),),
)
GOOGLE = """\
Add two numbers.

Args:
    a (int): The first.
    *rest: The others.

Returns:
    int: Their sum.

Raises:
    ValueError: When there is none."""
NUMPY = """\
Add two numbers.

Parameters
----------
a : int
    The first.
*rest
    The others.

Returns
-------
int
    Their sum.

Raises
------
ValueError
    When there is none."""
SPHINX = """\
Add two numbers.

:param a: The first.
:type a: int
:param rest: The others.
:return: Their sum.
:rtype: int
:raises ValueError: When there is none."""


@pytest.mark.parametrize(("style", "text"), [("google", GOOGLE), ("numpy", NUMPY), ("sphinx", SPHINX)])
def test_each_style_is_written_and_recognised(style: str, text: str) -> None:
    assert render(DOC, style) == text  # type: ignore[arg-type]
    assert style_of([f'def f():\n    """{text}\n    """\n']) == style


def test_a_project_without_docstrings_gets_the_default() -> None:
    assert style_of(["x = 1\n"], "numpy") == "numpy"


def placed(text: str, doc: str = "New.") -> str | None:
    node = next(n for n in ast.walk(ast.parse(text)) if isinstance(n, (ast.FunctionDef, ast.ClassDef)))
    return set_docstring(text, node, doc)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f(a):\n    return a\n", 'def f(a):\n    """New."""\n    return a\n'),
        ("def f(a):\n\treturn a\n", 'def f(a):\n\t"""New."""\n\treturn a\n'),
        ("def f(a):\r\n  # why\r\n  return a\r\n", 'def f(a):\r\n  # why\r\n  """New."""\r\n  return a\r\n'),
        (
            'def f(a):\n    """Old.\n\n    More.\n    """  # note\n    return a\n',
            'def f(a):\n    """New."""  # note\n    return a\n',
        ),
        (
            "def f(\n    a,\n):\n    @g\n    def h(): pass\n",
            'def f(\n    a,\n):\n    """New."""\n    @g\n    def h(): pass\n',
        ),
        ("class A:\n    x = 1\n", 'class A:\n    """New."""\n    x = 1\n'),
    ],
)
def test_a_docstring_goes_first_in_the_body_and_moves_nothing(before: str, after: str) -> None:
    assert placed(before) == after


@pytest.mark.parametrize("text", ["def f(): return 1\n", "class A: x = 1\n"])
def test_a_body_on_the_line_of_its_head_is_left_alone(text: str) -> None:
    assert placed(text) is None


@pytest.mark.parametrize("said", ['It says """hi""".', "A path C:\\new.", 'Ends in "quotes"', "Two\n\nlines"])
def test_whatever_was_said_reads_back_as_it_was(said: str) -> None:
    made = placed("def f(a):\n    return a\n", said)
    assert made is not None
    function = ast.parse(made).body[0]
    assert isinstance(function, ast.FunctionDef)
    assert (ast.get_docstring(function) or "").strip() == said


@pytest.mark.parametrize(
    ("language", "before", "after"),
    [
        (
            "typescript",
            "class A {\n  add(a: number) { return a; }\n}\n",
            "class A {\n  /**\n   * Add two numbers.\n   *\n"
            "   * @param {int} a - The first.\n   * @param *rest - The others.\n"
            "   * @returns {int} Their sum.\n   * @throws {ValueError} When there is none.\n   */\n"
            "  add(a: number) { return a; }\n}\n",
        ),
        (
            "rust",
            "/// Old.\nfn add() {}\n",
            "/// Add two numbers.\n///\n/// # Arguments\n///\n"
            "/// * `a` - The first.\n/// * `*rest` - The others.\n///\n"
            "/// # Returns\n///\n/// Their sum.\nfn add() {}\n",
        ),
    ],
)
def test_comments_stand_before_what_they_document_and_replace_an_old_one(
    language: str, before: str, after: str
) -> None:
    start = before.index("add(") if language == "typescript" else before.index("fn")
    assert set_comment(before, language, start, "add", DOC) == after


def test_go_comments_begin_with_the_name() -> None:
    made = set_comment("package p\n\n// Old.\nfunc Add() {}\n", "go", 19, "Add", Doc("Adds two numbers."))
    assert made == "package p\n\n// Add adds two numbers.\nfunc Add() {}\n"
