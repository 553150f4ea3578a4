from __future__ import annotations

import math

import pytest

from mmcore.completion.place import Place
from mmcore.completion.vet import probability, unknown_names, vetted, without_new_errors


def at(text: str, language: str = "python") -> Place:
    """A place whose cursor is drawn as ▮."""
    before, _, after = text.partition("▮")
    return Place("file:///a", language, before, after)


@pytest.mark.parametrize(
    ("language", "text", "completion", "kept"),
    [
        ("python", "x = ▮\n", "foo(1)", "foo(1)"),
        ("python", "x = ▮\ny = 2\n", "foo(1", "foo(1"),
        ("python", "x = ▮\ny = 2\n", "foo(1))", "foo(1)"),
        ("python", "def f():\n    ▮\n", "x = 1\n    return x\n    else:", "x = 1\n    return x"),
        ("python", "▮\n", "for x in y:", "for x in y:"),
        ("python", "def f(▮\n", "a, b):", "a, b):"),
        ("typescript", "const f = (x) => {▮}\n", " return x; ", " return x; "),
        ("typescript", "function f() {\n  ▮\n}\n", "if (a) {", "if (a) {"),
        ("typescript", "function f() {\n  ▮\n}\n", "g();\n}\n}", "g();"),
        ("go", "func f() {\n\t▮\n}\n", "x := 1\n\treturn x )", "x := 1"),
        ("plaintext", "▮", ")))", ")))"),
    ],
)
def test_only_what_adds_no_error_is_kept(language: str, text: str, completion: str, kept: str) -> None:
    assert without_new_errors(at(text, language), completion) == kept


def test_code_that_was_broken_before_may_stay_so() -> None:
    assert without_new_errors(at("def f(:\n    x = ▮\n"), "1 + 2") == "1 + 2"


@pytest.mark.parametrize(
    ("text", "completion", "unknown"),
    [
        ("import os\nx = ▮\n", "os.getcwd()", []),
        ("x = ▮\n", "totl + 1", ["totl"]),
        ("x = ▮\n", "[len(word) for word in text.split()]", ["text"]),
        ("▮\n", "for item in range(3):\n    print(item)", []),
        ("▮\n", "with open(name) as file:\n    data = file.read()", ["name"]),
        ("▮\n", "def area(w, h=2):\n    return w * h", []),
        ("▮\n", "import json\nfrom a import b as c\nd, e = json.loads(c), lambda q: q", []),
        ("x = f(▮)\n", "key=1", []),
    ],
)
def test_names_that_exist_nowhere_are_seen(text: str, completion: str, unknown: list[str]) -> None:
    assert unknown_names(at(text), completion) == unknown


def test_probability_is_a_geometric_mean_that_unknown_names_lower() -> None:
    assert probability(()) == 1.0
    assert probability((math.log(0.5), math.log(0.125))) == pytest.approx(0.25)
    assert probability((math.log(0.5),), unknown=1) < 0.5


def test_what_is_not_trusted_enough_is_not_shown() -> None:
    doubtful = (math.log(0.3),) * 4
    assert vetted(at("x = ▮\n"), "1", doubtful, 0.0) == "1"
    assert vetted(at("x = ▮\n"), "1", doubtful, 0.25) == "1"
    assert vetted(at("x = ▮\n"), "1", doubtful, 0.4) == ""
    assert vetted(at("x = ▮\n"), "totl", doubtful, 0.25) == ""
