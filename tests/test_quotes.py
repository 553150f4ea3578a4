"""What a question asks for by its place is quoted from the picture."""

from __future__ import annotations

import pytest

from mmcore.quotes import quotes
from mmcore.types import Reading, Region

CODE = "def total(items):\n    return sum(items)\n\nclass Cart:"


def shows(text: str = CODE, first_line: int | None = 7, language: str = "python") -> list[Reading]:
    region = Region("code", text, (0, 0, 1, 1), first_line, language)
    return [Reading("editor", text, (), (1, 1), regions=(region,))]


def said(question: str, readings: list[Reading] | None = None) -> list[str]:
    return [fact.text for fact in quotes(question, shows() if readings is None else readings)]


@pytest.mark.parametrize("question", ["What is on line 8?", "Line 8, please", "第 8 行是什么？"])
def test_a_line_is_quoted_by_its_number(question: str) -> None:
    (fact,) = quotes(question, shows())
    assert fact.text == "line 8 in the picture: return sum(items)"
    assert fact.is_in("It says `return sum(items)`.")
    assert not fact.is_in("It returns the sum.")


def test_several_lines_and_empty_ones_are_quoted() -> None:
    assert said("Why lines 8-9?") == ["line 8 in the picture: return sum(items)", "line 9 in the picture: (empty)"]
    assert len(said("lines 7 to 900")) == 12


def test_a_line_that_is_not_shown_is_said_to_be_missing() -> None:
    assert said("What is on line 70?") == ["line 70 is not in the picture, which shows lines 7-10"]
    both = [*shows(), *shows("x = 1", 70)]
    assert said("What is on line 70?", both) == ["line 70 in the picture: x = 1"]


def test_definitions_are_named_where_they_are_asked_for() -> None:
    assert said("Which functions are defined?") == ["defined in the picture: total, Cart"]
    assert said("Which functions are defined?", shows("x = 1")) == [
        "nothing is defined in the code that the picture shows"
    ]


@pytest.mark.parametrize("question", ["How many tests failed?", "Did every test pass?", "Which of the failed tests…?"])
def test_how_tests_ended_is_told_with_what_the_summary_leaves_out(question: str) -> None:
    (fact,) = quotes(question, [Reading("terminal", "F\n=== 4 failed, 1 skipped in 0.12s ===", (), (1, 1))])
    assert quotes(question, [Reading("terminal", "F\n4 failed, 1 skipped in 0.12s", (), (1, 1))]) == [fact]
    assert fact.text == "the tests in the picture: 4 failed, 1 skipped, 0 passed"
    assert not fact.is_in("4 tests failed, and 1 was skipped.")
    assert fact.is_in("4 failed, 1 was skipped, 0 passed.")


@pytest.mark.parametrize(
    ("question", "readings"),
    [
        ("Which tests failed?", shows()),
        ("Why does it fail?", shows()),
        ("What is on line 8?", shows(first_line=None)),
        ("What is defined?", shows(language="")),
        ("What is on line 8?", [Reading("terminal", CODE, (), (1, 1))]),
        ("What is on line 8?", []),
    ],
)
def test_nothing_is_quoted_otherwise(question: str, readings: list[Reading]) -> None:
    assert said(question, readings) == []
