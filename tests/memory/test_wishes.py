from __future__ import annotations

import pytest

from mmcore.memory.wishes import MOST, wishes


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("Fix this. From now on use single quotes.", ("From now on use single quotes.",)),
        ("- always write type hints\n- thanks", ("always write type hints",)),
        ("Never use print, please!", ("Never use print, please!",)),
        ("Why is it always empty?", ()),
        ("This never returns.", ()),
        ("Does it always work", ()),
        ("What does this do?", ()),
        ("always " + "x" * 300, ()),
    ],
)
def test_wishes_that_hold_on_are_told_from_what_is_asked_once(said: str, found: tuple[str, ...]) -> None:
    assert wishes([said]) == found


def test_the_newest_come_first_and_each_once() -> None:
    said = ["Always use tabs.", "always use tabs.", *(f"Never use name{n}." for n in range(20))]
    assert wishes(said)[:2] == ("Always use tabs.", "Never use name0.")
    assert len(wishes(said)) == MOST
