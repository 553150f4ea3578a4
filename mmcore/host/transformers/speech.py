"""Turn tokens into text as they come, up to a stop string."""

from __future__ import annotations

from collections.abc import Sequence

import tokenizers
from tokenizers.decoders import DecodeStream


class Speech:
    """One answer. `stopped` is set when a stop string was found; it and what follows it are never said."""

    def __init__(self, vocabulary: tokenizers.Tokenizer, prompt: Sequence[int], stops: Sequence[str]) -> None:
        self._vocabulary = vocabulary
        # It needs the end of the prompt: whether a word begins with a space shows in what stands before it.
        self._stream = DecodeStream(ids=list(prompt[-8:]), skip_special_tokens=True)
        self._stops = tuple(stops)
        self._held = ""
        self.stopped = False

    def hear(self, token: int) -> str:
        """The text that is certain now; what may be the beginning of a stop string is held back."""
        self._held += self._stream.step(self._vocabulary, token) or ""
        found = [place for stop in self._stops if (place := self._held.find(stop)) >= 0]
        if found:
            self.stopped = True
            said, self._held = self._held[: min(found)], ""
            return said
        keep = max((_overlap(self._held, stop) for stop in self._stops), default=0)
        said, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return said

    def rest(self) -> str:
        """What was held back, once no token comes any more."""
        said, self._held = self._held, ""
        return said


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of `text` may be the beginning of `stop`."""
    for count in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:count]):
            return count
    return 0
