"""An answer that goes in circles is ended, and what it holds is used."""

from __future__ import annotations

from typing import Any

import pytest

from mmcore.actions.circling import LEAST, TIMES, goes_in_circles


@pytest.mark.parametrize("piece", ["x", "'+', ", "    assert f(1) == 2\n", "def test_a():\n    assert f(1) == 2\n\n\n"])
def test_a_piece_said_over_and_over_is_noticed(piece: str) -> None:
    often = max(TIMES, LEAST // len(piece) + 1)
    assert goes_in_circles("def f(): ...\n" + piece * often)
    assert goes_in_circles("def f(): ...\n" + piece * often + piece[: len(piece) // 2])
    assert not goes_in_circles("def f(): ...\n" + piece * (TIMES - 1))


def test_what_goes_on_differently_is_no_circle() -> None:
    assert not goes_in_circles("".join(f"assert f({number}) == {number * number}\n" for number in range(50)))
    assert not goes_in_circles("")


async def test_tests_without_an_end_are_ended_and_used(workspace: Any) -> None:
    workspace.write("a.py", "def double(n):\n    if n < 0:\n        return 0\n    return 2 * n\n")
    cases = "    (1, 2),\n    (-1, 0),\n"
    table = f'```python\n@pytest.mark.parametrize("n, expected", [\n{cases}' + "    (3, 6),\n" * 2000
    outcome = await workspace.act("test", "a.py", [table], symbol="double", run=True)
    assert outcome.passed
    assert outcome.after.count("def test_") == 3
    assert "assert double(-1) == 0" in outcome.after
    assert len(workspace.streamed) < len(table) / 4


async def test_other_tests_are_asked_for_where_none_passes(workspace: Any, fenced: Any) -> None:
    workspace.write("a.py", "def double(n):\n    return 2 * n\n")
    answers = [fenced("def test_a():\n    assert triple(1) == 3"), fenced("def test_b():\n    assert double(2) == 4")]
    outcome = await workspace.act("test", "a.py", answers, symbol="double", run=True)
    assert outcome.passed
    assert "assert double(2) == 4" in outcome.after
    assert outcome.candidates == 2
