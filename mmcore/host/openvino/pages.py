"""Whose keys and values lie in which pages, and what is remembered of sequences that ended."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmcore.host.shares import Shares


class Pages:
    """Pages by number. One may have several users; nobody writes to one that has more than one."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._users = [0] * count
        # The lowest first: memory that was never touched costs nothing.
        self._free = list(range(count))

    @property
    def free(self) -> int:
        return len(self._free)

    def take(self) -> int:
        """A free page for one user; there must be one."""
        page = heapq.heappop(self._free)
        self._users[page] = 1
        return page

    def share(self, pages: Iterable[int]) -> None:
        for page in pages:
            self._users[page] += 1

    def release(self, pages: Iterable[int]) -> None:
        for page in pages:
            self._users[page] -= 1
            if not self._users[page]:
                heapq.heappush(self._free, page)


@dataclass(frozen=True, slots=True, eq=False)
class Remembered:
    """The tokens of a sequence whose keys and values are in `pages`, in order, and the workspace that it is of."""

    tokens: NDArray[np.int64]
    pages: tuple[int, ...]
    workspace: str = ""


class Memory:
    """Sequences that ended, the one used last at the end. Token by token, so that a cut in mid-page is found too.

    Sequences that begin alike share their pages, so that twenty versions of a prompt cost one and twenty tails.
    """

    # Finding the best one compares with each of them.
    LIMIT = 128

    def __init__(self, pages: Pages, clock: Callable[[], float] = time.monotonic) -> None:
        self._pages = pages
        self._sequences: list[Remembered] = []
        self._shares = Shares(pages.count, clock)
        self.evictions = 0

    def __len__(self) -> int:
        return len(self._sequences)

    def longest(self, tokens: NDArray[np.int64]) -> tuple[Remembered | None, int]:
        """The sequence that begins most like `tokens`, and for how many tokens it does."""
        best, length = None, 0
        for sequence in self._sequences:
            same = common(sequence.tokens, tokens)
            if same > length:
                best, length = sequence, same
        if best is not None:
            self._sequences.remove(best)
            self._sequences.append(best)
        return best, length

    def keep(self, sequence: Remembered) -> None:
        """Take over the sequence's use of its pages."""
        self._shares.note(sequence.workspace)
        for other in list(self._sequences):
            # What is the beginning of another is found there.
            if len(other.tokens) <= len(sequence.tokens) and common(other.tokens, sequence.tokens) == len(other.tokens):
                self._forget(other)
        self._sequences.append(sequence)
        if len(self._sequences) > self.LIMIT:
            self._evict()

    def make_room(self, pages: int) -> None:
        """Forget, by `Shares`, until so many pages are free."""
        while self._pages.free < pages and self._sequences:
            self._evict()

    def _evict(self) -> None:
        held: dict[str, set[int]] = {}
        for sequence in self._sequences:
            held.setdefault(sequence.workspace, set()).update(sequence.pages)
        workspaces = [sequence.workspace for sequence in self._sequences]
        counts = {workspace: len(pages) for workspace, pages in held.items()}
        self._forget(self._sequences[self._shares.first_to_go(workspaces, counts)])
        self.evictions += 1

    def _forget(self, sequence: Remembered) -> None:
        self._sequences.remove(sequence)
        self._pages.release(sequence.pages)


def common(a: NDArray[np.int64], b: NDArray[np.int64]) -> int:
    """How many tokens `a` and `b` begin with in common."""
    length = min(len(a), len(b))
    differ = np.flatnonzero(a[:length] != b[:length])
    return int(differ[0]) if len(differ) else length


def pages_for(tokens: int, page: int) -> int:
    return -(-tokens // page)


def as_array(tokens: Sequence[int]) -> NDArray[np.int64]:
    return np.asarray(tokens, np.int64)
