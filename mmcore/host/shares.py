"""Who gives room back when a cache is full: workspaces that left, then those that hold more than their share."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

# A workspace that has asked for nothing for so long claims no share.
PRESENT_S = 600.0


class Shares:
    """Of one cache of `room` pages, or bytes, which every workspace that is present has an equal claim to.

    A claim that is not used is everybody's: a lone editor has the whole cache, and only where another one needs its
    part does it lose what is above its own.
    """

    def __init__(self, room: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._room = room
        self._clock = clock
        self._asked: dict[str, float] = {}

    def note(self, workspace: str) -> None:
        """It has asked for something."""
        self._asked[workspace] = self._clock()

    def first_to_go(self, workspaces: Sequence[str], held: Mapping[str, int]) -> int:
        """Which of the kept sequences, whose `workspaces` are given in the order of their last use, makes room."""
        since = self._clock() - PRESENT_S
        self._asked = {workspace: asked for workspace, asked in self._asked.items() if asked > since}
        share = self._room // max(1, len(self._asked))
        for index, workspace in enumerate(workspaces):
            if workspace not in self._asked:
                return index
        return next((index for index, workspace in enumerate(workspaces) if held[workspace] > share), 0)
