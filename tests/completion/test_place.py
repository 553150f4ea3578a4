from __future__ import annotations

import pytest

from mmcore.completion.place import Place, closed_by_editor, mark, may_become, place_at, rest_of, typed_since
from mmcore.types import Document, Position


def at(text: str, uri: str = "file:///a.py") -> Place:
    """A place whose cursor is drawn as ▮."""
    before, _, after = text.partition("▮")
    return Place(uri, "python", before, after)


@pytest.mark.parametrize(
    ("then", "now", "typed"),
    [
        ("x = ▮\n", "x = ▮\n", ""),
        ("x = ▮\n", "x = foo▮\n", "foo"),
        ("x = ▮\n", "x = foo(▮)\n", "foo("),
        ("if x {▮}\n", "if x {\n    ▮\n}\n", "\n    "),
        ("x = ▮\n", "y = foo▮\n", None),
        ("x = ▮\n", "x = foo▮\nmore\n", None),
        ("x = ▮\n", "x =▮\n", None),
        ("x = ▮, 1\n", "x = a▮ 1\n", None),
    ],
)
def test_only_typing_at_the_cursor_counts_as_typed(then: str, now: str, typed: str | None) -> None:
    assert typed_since(mark(at(then)), at(now), 128) == typed


def test_another_document_is_another_place() -> None:
    assert typed_since(mark(at("x▮")), at("x▮", "file:///b.py"), 128) is None


def test_nothing_is_followed_further_than_the_limit() -> None:
    assert typed_since(mark(at("▮")), at("12345▮"), 5) == "12345"
    assert typed_since(mark(at("▮")), at("123456▮"), 5) is None


@pytest.mark.parametrize(
    ("text", "typed", "line", "rest"),
    [
        ("foo(bar)", "foo", "x = ", "(bar)"),
        (" foo", "foo", "x =", ""),
        ("foo", " fo", "x =", "o"),
        ("foo", " ", "x =", "foo"),
        ("    return 1", "return", "", None),
        ("return 1", "    return", "", None),
        ("foo", "fa", "x = ", None),
    ],
)
def test_blanks_within_a_line_are_no_difference_and_indentation_is(
    text: str, typed: str, line: str, rest: str | None
) -> None:
    assert rest_of(text, typed, line) == rest


@pytest.mark.parametrize(
    ("text", "typed", "line", "may"),
    [
        ("", "anything", "x = ", True),
        ("fo", "foo", "x = ", True),
        ("foo", "fo", "x = ", True),
        ("fa", "foo", "x = ", False),
        (" if", "if x", "    ", True),
        (" if", "if x", "", False),
    ],
)
def test_what_is_half_written_may_become_what_was_typed(text: str, typed: str, line: str, may: bool) -> None:
    assert may_become(text, typed, line) is may


@pytest.mark.parametrize(
    ("then", "now", "closed"),
    [
        ("\nb\nc\n", ")\nb\nc\n", True),
        ("\nb\nc\n", ")\nb\n", True),
        ("\nb\n", "x\nb\n", False),
        ("}\n", "\n}\n", True),
        ("\nb\n", "\nb\n", False),
    ],
)
def test_closers_behind_the_cursor_are_told_from_code(then: str, now: str, closed: bool) -> None:
    assert closed_by_editor(then, now) is closed


def test_a_place_has_one_kind_of_line_end() -> None:
    document = Document("file:///a.py", "python", "a\r\nbc\r\nd")
    assert place_at(document, Position(1, 1)) == Place("file:///a.py", "python", "a\nb", "c\nd")
