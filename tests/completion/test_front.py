from __future__ import annotations

from mmcore.completion.front import steady
from mmcore.completion.window import Window


def test_the_suffix_stays_when_the_editor_closes_a_bracket() -> None:
    first = Window("foo", "\nbar()\n")
    assert steady(first, Window("foo(", ")\nbar()\n")) == Window("foo(", "\nbar()\n")


def test_it_stays_when_the_closed_bracket_is_typed_over() -> None:
    first = Window("foo(", ")\nbar()\n")
    assert steady(first, Window("foo()", "\nbar()\n")) == Window("foo()", ")\nbar()\n")


def test_other_code_after_the_cursor_is_taken_over() -> None:
    first = Window("foo", "\nbar()\n")
    now = Window("foo", "\nother()\n")
    assert steady(first, now) is now
    assert steady(None, now) is now
