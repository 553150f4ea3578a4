from __future__ import annotations

import pytest

from mmcore.completion.cache import LOOK_BACK, SuggestionCache
from mmcore.completion.place import Place


def at(text: str, uri: str = "file:///a.py") -> Place:
    """A place whose cursor is drawn as ▮."""
    before, _, after = text.partition("▮")
    return Place(uri, "python", before, after)


def found(cache: SuggestionCache, text: str) -> str | None:
    hit = cache.find(at(text))
    return hit[1] if hit else None


@pytest.mark.parametrize("typed", ["", "p", "print", "print(x"])
def test_typing_as_suggested_finds_the_rest(typed: str) -> None:
    cache = SuggestionCache()
    cache.add(at("    ▮\n"), "print(x)", "line")
    assert found(cache, f"    {typed}▮\n") == "print(x)"[len(typed) :]


def test_a_bracket_that_the_editor_closed_does_not_hide_the_suggestion() -> None:
    cache = SuggestionCache()
    cache.add(at("    ▮\n"), "print(x)", "line")
    assert found(cache, "    print(▮)\n") == "x)"


def test_typing_something_else_finds_nothing() -> None:
    cache = SuggestionCache()
    cache.add(at("    ▮\n"), "print(x)", "line")
    assert found(cache, "    pass▮\n") is None
    assert found(cache, "    print(x)▮\n") is None


def test_that_nothing_belongs_here_is_known_only_here() -> None:
    cache = SuggestionCache()
    cache.add(at("x▮\n"), "", "line")
    assert found(cache, "x▮\n") == ""
    assert found(cache, "xy▮\n") is None


def test_the_suggestion_nearest_before_the_cursor_wins() -> None:
    cache = SuggestionCache()
    cache.add(at("▮\n"), "abcdef", "line")
    cache.add(at("ab▮\n"), "cXY", "line")
    assert found(cache, "abc▮\n") == "XY"
    assert found(cache, "abcd▮\n") == "ef"


def test_it_looks_back_as_far_as_it_promises() -> None:
    cache = SuggestionCache()
    cache.add(at("▮\n"), "x" * (LOOK_BACK + 2), "line")
    assert found(cache, "x" * LOOK_BACK + "▮\n") == "xx"
    assert found(cache, "x" * (LOOK_BACK + 1) + "▮\n") is None


def test_an_edit_far_above_makes_a_suggestion_stale() -> None:
    cache = SuggestionCache()
    cache.add(at("import a\n" + "#\n" * 1000 + "▮\n"), "a.b()", "line")
    assert found(cache, "import c\n" + "#\n" * 1000 + "▮\n") is None


def test_the_least_recently_used_leaves_first() -> None:
    cache = SuggestionCache(entries=2)
    cache.add(at("one▮"), "1", "line")
    cache.add(at("two▮"), "2", "line")
    assert found(cache, "one▮") == "1"
    cache.add(at("three▮"), "3", "line")
    assert len(cache) == 2
    assert found(cache, "two▮") is None
    assert found(cache, "one▮") == "1"
