"""Who makes room in a cache that several workspaces share."""

from __future__ import annotations

import pytest

from mmcore.host.shares import PRESENT_S, Shares


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shares(clock: Clock) -> Shares:
    """Of a hundred pages."""
    return Shares(100, clock)


def test_a_lone_workspace_gives_what_it_used_longest_ago(shares: Shares) -> None:
    shares.note("a")
    assert shares.first_to_go(["a", "a"], {"a": 100}) == 0


def test_who_has_more_than_its_share_makes_room_before_who_has_less(shares: Shares) -> None:
    shares.note("a")
    shares.note("b")
    assert shares.first_to_go(["a", "b", "b"], {"a": 40, "b": 60}) == 1


def test_where_nobody_has_more_the_longest_unused_goes(shares: Shares) -> None:
    shares.note("a")
    shares.note("b")
    assert shares.first_to_go(["b", "a"], {"a": 50, "b": 50}) == 0


def test_the_share_is_smaller_the_more_there_are(shares: Shares) -> None:
    for name in "abcdefgh":
        shares.note(name)
    held = dict.fromkeys("abcdefgh", 12) | {"h": 13}
    assert shares.first_to_go(list("abcdefgh"), held) == 7


def test_who_left_makes_room_first_and_claims_no_share(shares: Shares, clock: Clock) -> None:
    shares.note("gone")
    clock.now = PRESENT_S
    shares.note("a")
    shares.note("b")
    assert shares.first_to_go(["a", "gone", "b"], {"a": 45, "gone": 10, "b": 45}) == 1
    # A half each, not a third.
    assert shares.first_to_go(["a", "b"], {"a": 49, "b": 51}) == 1
