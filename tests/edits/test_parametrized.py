"""Parametrized tests come apart into one for each case, also when the answer was cut off."""

from __future__ import annotations

import ast

import pytest

from mmcore.edits.parametrized import close
from mmcore.edits.test_functions import take_apart

TABLE = """\
import pytest

@pytest.mark.parametrize("low, high, expected", [
    (1, 2, 3),
    ([], ["a, b"], None),
    (4, 5, 9),
])
def test_add(low, high, expected):
    assert add(low, high) == expected
"""


def test_every_case_becomes_a_test_with_its_values() -> None:
    tests = take_apart(TABLE).tests
    assert [test.name for test in tests] == ["test_add_1", "test_add_2", "test_add_3"]
    assert tests[1].source == "def test_add_2():\n    assert add([], ['a, b']) == None"


@pytest.mark.parametrize("names", ['("low", "high", "expected")', '["low", "high", "expected"]'])
def test_names_may_be_a_tuple_or_a_list(names: str) -> None:
    assert len(take_apart(TABLE.replace('"low, high, expected"', names)).tests) == 3


def test_a_single_name_takes_a_case_as_it_is() -> None:
    code = "@pytest.mark.parametrize('pair', [(1, 2), (3, 4)])\ndef test_it(pair):\n    assert f(pair)\n"
    assert [test.source.split("\n")[1] for test in take_apart(code).tests] == [
        "    assert f((1, 2))",
        "    assert f((3, 4))",
    ]


@pytest.mark.parametrize(
    "code",
    [
        TABLE.replace("[\n    (1", "CASES + [\n    (1"),
        TABLE.replace("    assert", "    low = 7\n    assert"),  # a name that is bound again
        TABLE.replace("low, high, expected):", "low, high, expected, tmp_path):"),
        "@pytest.fixture\n" + TABLE.split("\n", 2)[2],
    ],
)
def test_what_has_no_plain_cases_stays_one_test(code: str) -> None:
    tests = take_apart(code).tests
    assert [test.name for test in tests] == ["test_add"]
    assert "parametrize" in tests[0].source


def test_a_case_that_does_not_fit_is_left_out() -> None:
    tests = take_apart(TABLE.replace("(1, 2, 3)", "(1, 2)")).tests
    assert [test.source.split("\n")[1] for test in tests] == [
        "    assert add([], ['a, b']) == None",
        "    assert add(4, 5) == 9",
    ]


def test_pytest_is_imported_where_a_test_needs_it() -> None:
    assert take_apart("def test_it():\n    with pytest.raises(ValueError):\n        f()\n").imports == (
        "import pytest",
    )
    assert take_apart("def test_it():\n    assert f()\n").imports == ()


def test_equal_tests_under_two_names_are_one() -> None:
    assert len(take_apart("def test_a():\n    assert f()\n\ndef test_b():\n    assert f()\n").tests) == 1


@pytest.mark.parametrize("cut", range(TABLE.index("(1, 2, 3)"), TABLE.index("])")))
def test_of_a_list_that_is_cut_off_the_whole_cases_are_used(cut: int) -> None:
    code = TABLE[:cut]
    whole = sum(code.count(case) for case in ("(1, 2, 3)", '([], ["a, b"], None)', "(4, 5, 9)"))
    tests = take_apart(code, "add").tests
    assert len(tests) == whole
    if tests:
        assert tests[0].source == "def test_cases_1():\n    assert add(1, 2) == 3"
    ast.parse("\n".join(test.source for test in tests))


def test_code_that_is_whole_is_not_closed() -> None:
    assert close(TABLE, "add") == TABLE
    assert close("def test_a():\n    assert add(", "add") == "def test_a():\n    assert add("
