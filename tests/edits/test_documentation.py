"""Docstrings in three styles and documentation comments in three languages, where they belong."""

from __future__ import annotations

import ast

import pytest

from mmcore.context.facts import Facts, facts_of
from mmcore.edits.doc_comment import has_comment, set_comment, third_person
from mmcore.edits.docstring import Doc, lacks_docstring, render, set_docstring, set_module_docstring, style_of
from mmcore.edits.section import set_section
from mmcore.syntax import symbols

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
        ("class A:\n    x = 1\n", 'class A:\n    """New."""\n\n    x = 1\n'),
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


RUST_OLD = """\
/// Old words.
#[inline]
pub fn read(limit: usize) -> Result<String, Error> {
    assert!(limit > 0);
    Ok(String::new())
}
"""
RUST_NEW = """\
/// Read a text.
///
/// # Arguments
///
/// * `limit` - How much.
///
/// # Returns
///
/// The text.
///
/// # Errors
///
/// When it is gone.
///
/// # Panics
///
/// On nothing.
#[inline]
pub fn read("""


def test_rustdoc_stands_before_attributes_and_tells_errors_and_panics() -> None:
    (symbol,) = symbols(RUST_OLD, "rust")
    facts = facts_of(RUST_OLD, "rust", symbol)
    assert facts is not None
    assert [name for name, _ in facts.raises] == ["Err", "panic"]
    doc = Doc("Read a text.", (("limit", "usize", "How much."),), ("", "The text."), None, RAISED)
    made = set_comment(RUST_OLD, "rust", symbol.start, "read", doc)
    assert made.startswith(RUST_NEW)
    assert "Old words" not in made
    assert set_comment(made, "rust", symbols(made, "rust")[0].start, "read", doc) == made


RAISED = (("Err", "When it is gone."), ("panic", "On nothing."))


def test_jsdoc_stands_before_decorators_and_names_what_is_taken_apart() -> None:
    text = "class A {\n  /** Old. */\n  @cached()\n  total({ tax, tip = 1 }: Opts): number { return 1; }\n}\n"
    method = next(symbol for symbol in symbols(text, "typescript") if symbol.name == "total")
    facts = facts_of(text, "typescript", method)
    assert facts is not None
    assert [parameter.name for parameter in facts.parameters] == ["options", "options.tax", "options.tip"]
    made = set_comment(text, "typescript", method.start, "total", Doc("Sum it up."))
    assert made == text.replace("/** Old. */", "/**\n   * Sum it up.\n   */")
    assert has_comment(made, "typescript", symbols(made, "typescript")[1].start)
    assert facts_of(text, "typescript", symbols(text, "typescript")[0]) == Facts()


def test_go_comments_begin_with_the_name_and_list_parameters() -> None:
    text = "package shop\n\nfunc Total(rate float64) float64 { return rate }\n"
    doc = Doc("Calculate the total.", (("rate", "float64", "The rate."),), ("float64", "The total."))
    made = set_comment(text, "go", symbols(text, "go")[0].start, "Total", doc)
    said = (
        "// Total calculates the total.\n//\n// Parameters:\n//   - rate: The rate.\n//\n// Returns: The total.\nfunc"
    )
    assert said in made


@pytest.mark.parametrize(
    ("verb", "now"),
    [("Calculate", "calculates"), ("Returns", "returns"), ("Copy", "copies"), ("Push", "pushes"), ("Is", "is")],
)
def test_a_sentence_begins_as_go_wants_it(verb: str, now: str) -> None:
    assert third_person(verb) == now


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1\n", '"""New."""\n\nx = 1\n'),
        ("#!/usr/bin/env python\n# licence\n\nx = 1\n", '#!/usr/bin/env python\n# licence\n\n"""New."""\n\nx = 1\n'),
        ("x = 1\r\n", '"""New."""\r\n\r\nx = 1\r\n'),
    ],
)
def test_a_modules_docstring_comes_after_its_first_comments(before: str, after: str) -> None:
    assert lacks_docstring(before)
    assert set_module_docstring(before, "New.") == after
    assert not lacks_docstring(after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "## Contents\n\nnew\n"),
        ("# A\n\ntext\n", "# A\n\ntext\n\n## Contents\n\nnew\n"),
        ("# A\n\n### contents\n\nold\n\n# B\nend", "# A\n\n### Contents\n\nnew\n\n# B\nend"),
        ("```\n# Contents\n```\n", "```\n# Contents\n```\n\n## Contents\n\nnew\n"),
        ("# Contents\r\nold\r\n", "# Contents\r\n\r\nnew\r\n"),
    ],
)
def test_a_section_is_put_in_the_place_of_the_old_one(before: str, after: str) -> None:
    assert set_section(before, "Contents", "new\n") == after
    assert set_section(after, "Contents", "new\n") == after
