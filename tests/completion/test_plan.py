from __future__ import annotations

from pathlib import Path

import pytest

from mmcore.completion.pace import Pace
from mmcore.completion.place import Place
from mmcore.completion.plan import Planner, end_of_ahead
from mmcore.config import CompletionSettings
from mmcore.context.index import WorkspaceIndex, index_path, update
from mmcore.context.surroundings import Surroundings
from mmcore.prompt.budget import characters

ALONE = Surroundings()
LINES = "".join(f"line_number_{number} = compute({number})\n" for number in range(400))


def at(typed: str, line: int = 200, closed: str = "") -> Place:
    start = LINES.index(f"line_number_{line} ")
    return Place("file:///a.py", "python", LINES[:start] + typed, closed + LINES[start:])


@pytest.fixture
def pace() -> Pace:
    return Pace(lambda: 0.0)


@pytest.fixture
def planner(pace: Pace) -> Planner:
    return Planner(CompletionSettings(), pace)


async def test_typing_only_appends_to_the_prompt(planner: Planner) -> None:
    before = (await planner.asked(at(""), ALONE, invoked=False)).request.prompt
    for typed in ("x", "x =", "x = foo"):
        after = (await planner.asked(at(typed), ALONE, invoked=False)).request.prompt
        assert after.startswith(before)
        before = after


async def test_a_bracket_closed_by_the_editor_only_appends_to_the_prompt(planner: Planner) -> None:
    before = (await planner.asked(at("x = foo"), ALONE, invoked=False)).request.prompt
    after = (await planner.asked(at("x = foo(", closed=")"), ALONE, invoked=False)).request.prompt
    assert after == f"{before}("


async def test_a_new_budget_waits_until_the_cursor_is_elsewhere(planner: Planner, pace: Pace) -> None:
    small = (await planner.asked(at("x"), ALONE, invoked=False)).request.prompt
    pace.answered(1000, 1.0)
    assert (await planner.asked(at("xy"), ALONE, invoked=False)).request.prompt == f"{small}y"
    elsewhere = (await planner.asked(at("x", line=300), ALONE, invoked=False)).request.prompt
    assert len(elsewhere) > 2 * len(small)


async def test_a_line_stops_at_its_end_and_a_block_where_it_ends(planner: Planner) -> None:
    line = await planner.asked(at("x = "), ALONE, invoked=False)
    assert line.request.sampling.stop == ("\n",)
    block = await planner.asked(Place("file:///b.py", "python", "def f():", "\n"), ALONE, invoked=False)
    assert block.request.sampling.stop == ()
    assert block.ends is not None
    assert block.ends("\n    return 1\n\nprint()") == len("\n    return 1")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (" + 1", " + 1"),
        (" + 1\n    return x\n    more", " + 1\n    return x"),
        ("\n\n    return x\n\n", "\n\n    return x"),
        ("\n    ret", "\n    ret"),
    ],
)
def test_ahead_of_the_programmer_one_more_line_is_written(text: str, kept: str) -> None:
    assert text[: end_of_ahead(text)] == kept


@pytest.fixture
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Surroundings:
    """A workspace that defines `price_of` and `tax_on`."""
    monkeypatch.setenv("SIDESIGHT_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "work"
    root.mkdir()
    (root / "prices.py").write_text("def price_of(name):\n    return 1\n\n\ndef tax_on(price):\n    return 2\n")
    update(root, index_path(root))
    return Surroundings(root / "cart.py", (WorkspaceIndex(root),))


def cart(text: str) -> Place:
    return Place("file:///cart.py", "python", text, "")


async def test_definitions_that_the_cursor_needs_stand_in_front_and_stay(
    planner: Planner, surroundings: Surroundings
) -> None:
    plan = await planner.asked(cart("x = price_of("), surroundings, invoked=True)
    assert plan.request.prompt.startswith("<|file_sep|>prices.py\ndef price_of(name):")
    assert [(s.path.as_posix(), s.start_line, s.reason) for s in plan.snippets] == [
        ("prices.py", 0, "defines price_of")
    ]
    more = await planner.asked(cart("x = price_of(tax_on("), surroundings, invoked=False)
    assert more.request.prompt == plan.request.prompt + "tax_on("
    assert planner.ahead(cart("x = price_of(tax_on(y))"), surroundings).request.prompt.startswith(more.request.prompt)


async def test_with_time_a_new_front_is_read_behind_what_the_engine_has_read(
    planner: Planner, surroundings: Surroundings
) -> None:
    await planner.asked(cart("x = tax_on("), surroundings, invoked=True)
    place = cart("x = tax_on(price_of(")
    plan = await planner.reading(place, surroundings)
    assert [s.reason for s in plan.snippets] == ["defines tax_on", "defines price_of"]
    planner.was_read(place)
    assert (await planner.asked(place, surroundings, invoked=False)).request.prompt == plan.request.prompt
    less = await planner.reading(cart("x = tax_on("), surroundings)
    assert less.snippets == plan.snippets, "a front that has all that is needed is kept"
    planner.forget("file:///cart.py")
    fresh = await planner.reading(cart("x = price_of("), surroundings)
    assert [s.reason for s in fresh.snippets] == ["defines price_of"]


async def test_who_types_while_a_new_front_is_read_is_answered_from_the_old_one(
    planner: Planner, surroundings: Surroundings
) -> None:
    first = await planner.asked(cart("x = tax_on("), surroundings, invoked=True)
    place = cart("x = tax_on(price_of(")
    await planner.reading(place, surroundings)
    typed = await planner.asked(cart("x = tax_on(price_of(y"), surroundings, invoked=False)
    assert typed.request.prompt == first.request.prompt + "price_of(y"
    planner.was_read(place)
    after = await planner.asked(cart("x = tax_on(price_of(y)"), surroundings, invoked=False)
    assert after.snippets == first.snippets


async def test_snippets_keep_to_the_budget(planner: Planner, surroundings: Surroundings, pace: Pace) -> None:
    pace.answered(10_000, 10_000 / 171)  # 256 tokens in 1.5 s
    before = "".join(f"price_of({number})\n" for number in range(300))
    plan = await planner.asked(cart(before), surroundings, invoked=True)
    assert plan.snippets
    assert len(plan.request.prompt) < characters(256) + 200


async def test_definitions_of_the_same_file_are_shown_where_the_window_does_not_reach(
    planner: Planner, surroundings: Surroundings
) -> None:
    far = "def far_away(argument):\n    return argument\n\n\n" + LINES
    (root := surroundings.indexes[0].root).joinpath("cart.py").write_text(far)
    update(root, index_path(root))
    plan = await planner.asked(cart(far + "x = far_away("), surroundings, invoked=True)
    assert [(s.path.name, s.reason) for s in plan.snippets] == [("cart.py", "defines far_away")]


async def test_what_is_being_edited_is_not_shown_as_it_was_saved(planner: Planner, surroundings: Surroundings) -> None:
    saved = "def total(items):\n    return sum(items)\n\n\ntotal("
    (root := surroundings.indexes[0].root).joinpath("cart.py").write_text(saved)
    update(root, index_path(root))
    plan = await planner.asked(
        cart("def total(items):\n    return price_of(items) + total("), surroundings, invoked=True
    )
    assert [s.path.name for s in plan.snippets] == ["prices.py"]
