"""Where a completion is asked for, and what was typed there since."""

from __future__ import annotations

from dataclasses import dataclass

from mmcore.text import offset_at
from mmcore.types import Document, Position

# What editors put after the cursor by themselves when an opener is typed, with the line that they open between braces.
_CLOSED_BY_EDITOR = " \t\n)]}>\"'`"
_LONGEST_CLOSED = 32


@dataclass(frozen=True, slots=True)
class Place:
    """The cursor: the text before it and after it, line ends as \\n."""

    uri: str
    language: str
    before: str
    after: str

    @property
    def line(self) -> str:
        """The cursor's line up to the cursor."""
        return self.before[self.before.rfind("\n") + 1 :]

    def accepted(self, text: str) -> Place:
        """The cursor once `text` stands before it."""
        return Place(self.uri, self.language, self.before + text, self.after)


@dataclass(frozen=True, slots=True)
class Mark:
    """A place, remembered by hashes: a copy of a long file for each of hundreds of them would be large."""

    uri: str
    line: str
    before: tuple[int, int]
    after: tuple[int, int]


def place_at(document: Document, position: Position) -> Place:
    text = document.text.replace("\r\n", "\n")
    offset = offset_at(text, position)
    return Place(document.uri, document.language, text[:offset], text[offset:])


def mark(place: Place) -> Mark:
    return Mark(place.uri, place.line, (len(place.before), hash(place.before)), (len(place.after), hash(place.after)))


def typed_since(then: Mark, now: Place, limit: int) -> str | None:
    """What was typed at the cursor since `then`, at most `limit` characters; None where anything else changed.

    Brackets and quotes that the editor closed behind the cursor are no other change.
    """
    length, digest = then.before
    if then.uri != now.uri or not length <= len(now.before) <= length + limit:
        return None
    extra = len(now.after) - then.after[0]
    if not 0 <= extra <= _LONGEST_CLOSED or now.after[:extra].strip(_CLOSED_BY_EDITOR):
        return None
    if hash(now.before[:length]) != digest or hash(now.after[extra:]) != then.after[1]:
        return None
    return now.before[length:]


def closed_by_editor(then: str, now: str) -> bool:
    """Whether the text after the cursor is as `then`, behind closers; either may be cut off where a window ends."""
    for extra in range(1, min(_LONGEST_CLOSED, len(now)) + 1):
        if now[extra - 1] not in _CLOSED_BY_EDITOR:
            return False
        if now[extra:].startswith(then) or (now[extra:] and then.startswith(now[extra:])):
            return True
    return False


def rest_of(text: str, typed: str, line: str) -> str | None:
    """What remains of the suggestion `text` after `typed`; None where something else was typed.

    `line` is the cursor's line where the suggestion began. Within a line, a blank more or less before the next word
    is no difference; at its start it would be another indentation.
    """
    if text.startswith(typed):
        return text[len(typed) :]
    if not line.strip():
        return None
    wanted, given = text.lstrip(" \t"), typed.lstrip(" \t")
    return wanted[len(given) :] if wanted.startswith(given) else None


def may_become(text: str, typed: str, line: str) -> bool:
    """Whether `text`, which is still being written, may turn out to begin with `typed`."""
    if line and not line.strip():
        text = text.lstrip(" ")  # as `trim` does: models indent again what is indented already
    if rest_of(text, typed, line) is not None or typed.startswith(text):
        return True
    return bool(line.strip()) and typed.lstrip(" \t").startswith(text.lstrip(" \t"))
