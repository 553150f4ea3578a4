"""Turn tokens into text that may be shown: whole characters, and nothing that could become a stop string."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class Text:
    """Of one answer. `skip` bytes at its beginning are not part of it (see token healing in generation.py)."""

    def __init__(self, stop: Sequence[str], skip: int = 0) -> None:
        self._stop = tuple(filter(None, stop))
        self._skip = skip
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        # Where in `_held` each token ends whose probability was not given out yet.
        self._ends: list[tuple[int, float]] = []
        self.stopped = False

    def add(self, spelling: bytes, log_probability: float = 0.0) -> None:
        """A token more; its text may make `stopped` true."""
        cut = min(self._skip, len(spelling))
        self._skip -= cut
        self._held += self._decoder.decode(spelling[cut:])
        self._ends.append((len(self._held), log_probability))
        places = [place for stop in self._stop if (place := self._held.find(stop)) >= 0]
        if places:
            self._held = self._held[: min(places)]
            self.stopped = True

    def take(self) -> tuple[str, tuple[float, ...]]:
        """What may be shown and was not, with the log-probabilities of its tokens."""
        return self._give(len(self._held) - (0 if self.stopped else self._suspect()))

    def finish(self) -> tuple[str, tuple[float, ...]]:
        """The rest: what was held back did not become a stop string."""
        if not self.stopped:
            self._held += self._decoder.decode(b"", final=True)
        return self._give(len(self._held))

    def _give(self, length: int) -> tuple[str, tuple[float, ...]]:
        text, self._held = self._held[:length], self._held[length:]
        numbers = tuple(number for end, number in self._ends if end <= length)
        self._ends = [(end - length, number) for end, number in self._ends if end > length]
        return text, numbers

    def _suspect(self) -> int:
        """Length of the longest end of `_held` with which a stop string begins."""
        longest = max(map(len, self._stop), default=1) - 1
        for length in range(min(longest, len(self._held)), 0, -1):
            if any(stop.startswith(self._held[-length:]) for stop in self._stop):
                return length
        return 0
