from __future__ import annotations

import pytest

from mmcore.completion.pace import Pace
from mmcore.completion.place import Place
from mmcore.completion.plan import Planner, end_of_ahead
from mmcore.config import CompletionSettings

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
    before = (await planner.asked(at(""), invoked=False)).request.prompt
    for typed in ("x", "x =", "x = foo"):
        after = (await planner.asked(at(typed), invoked=False)).request.prompt
        assert after.startswith(before)
        before = after


async def test_a_bracket_closed_by_the_editor_only_appends_to_the_prompt(planner: Planner) -> None:
    before = (await planner.asked(at("x = foo"), invoked=False)).request.prompt
    after = (await planner.asked(at("x = foo(", closed=")"), invoked=False)).request.prompt
    assert after == f"{before}("


async def test_a_new_budget_waits_until_the_cursor_is_elsewhere(planner: Planner, pace: Pace) -> None:
    small = (await planner.asked(at("x"), invoked=False)).request.prompt
    pace.answered(1000, 1.0)
    assert (await planner.asked(at("xy"), invoked=False)).request.prompt == f"{small}y"
    elsewhere = (await planner.asked(at("x", line=300), invoked=False)).request.prompt
    assert len(elsewhere) > 2 * len(small)


async def test_a_line_stops_at_its_end_and_a_block_where_it_ends(planner: Planner) -> None:
    line = await planner.asked(at("x = "), invoked=False)
    assert line.request.sampling.stop == ("\n",)
    block = await planner.asked(Place("file:///b.py", "python", "def f():", "\n"), invoked=False)
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
