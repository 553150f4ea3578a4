"""Who is worked on next where more requests come than an engine advances at once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque


class Admission:
    """So many requests at once. Of those that wait, workspaces take turns, each in the order of its own requests.

    So that a workspace with six questions at once costs another one the wait for one of them.
    """

    def __init__(self, places: int) -> None:
        self.free = places
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def acquire(self, workspace: str) -> None:
        """Returns when there is a place, which is to be given back by `release`; who is cancelled has none."""
        if self.free:
            self.free -= 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(workspace, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            # Given and given up in the same moment: the next one has it.
            if place.done() and not place.cancelled():
                self.release()
            raise

    def release(self) -> None:
        while self._waiting:
            workspace, places = self._waiting.popitem(last=False)
            place = places.popleft()
            if places:
                self._waiting[workspace] = places
            if not place.done():
                place.set_result(None)
                return
        self.free += 1
