"""Remember what the model wrote, and find it again when its beginning has been typed."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from mmcore.completion.place import Mark, Place, mark, rest_of, typed_since
from mmcore.completion.shape import Shape

# llama.vim's numbers: more entries are never met again in one sitting, more characters are never typed in one go.
ENTRIES = 250
LOOK_BACK = 128
# Characters before the cursor that an entry is found by; that the whole text agrees is checked after.
_KEY = 256


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What belongs at a place, trimmed and vetted; "" where nothing does.

    `shape` None: written ahead of the programmer, not asked for, so that where it is shown decides how much of it is.
    """

    mark: Mark
    text: str
    shape: Shape | None


class SuggestionCache:
    """The least recently used entry leaves first."""

    def __init__(self, entries: int = ENTRIES) -> None:
        self._entries = entries
        self._by_tail: OrderedDict[tuple[str, str], Suggestion] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_tail)

    def add(self, place: Place, text: str, shape: Shape | None) -> Suggestion:
        key = _key(place, 0)
        suggestion = self._by_tail[key] = Suggestion(mark(place), text, shape)
        self._by_tail.move_to_end(key)
        if len(self._by_tail) > self._entries:
            self._by_tail.popitem(last=False)
        return suggestion

    def find(self, place: Place) -> tuple[Suggestion, str] | None:
        """The suggestion that began nearest before the cursor and still has text to show, with that text.

        A suggestion of nothing counts where it was made, and not after more was typed.
        """
        for back in range(min(LOOK_BACK, len(place.before)) + 1):
            key = _key(place, back)
            suggestion = self._by_tail.get(key)
            if suggestion is None:
                continue
            typed = typed_since(suggestion.mark, place, LOOK_BACK)
            if typed is None:
                continue
            rest = rest_of(suggestion.text, typed, suggestion.mark.line)
            if rest or rest == typed == "":
                self._by_tail.move_to_end(key)
                return suggestion, rest
        return None


def _key(place: Place, back: int) -> tuple[str, str]:
    end = len(place.before) - back
    return place.uri, place.before[max(end - _KEY, 0) : end]
