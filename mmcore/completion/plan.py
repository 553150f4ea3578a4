"""Plan what the engine is asked for a place: how much text around it, in which form, and where the answer ends."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from functools import partial

from mmcore.completion.flight import Plan
from mmcore.completion.front import steady
from mmcore.completion.pace import Pace
from mmcore.completion.place import Place
from mmcore.completion.shape import Shape, end_of_block, shape_at
from mmcore.completion.trim import trim
from mmcore.completion.window import Window, window
from mmcore.config import CompletionSettings
from mmcore.context.surroundings import Surroundings
from mmcore.engine.base import CompletionRequest, Sampling
from mmcore.prompt.budget import characters
from mmcore.prompt.fim import render_fim
from mmcore.types import Document, Snippet

# Of the prompt's budget, the least that other places' code may take; it also gets what the document leaves.
_SNIPPETS_SHARE = 0.25
# Tokens written ahead of the programmer: one line, or little more.
_AHEAD_TOKENS = 40


@dataclass(frozen=True, slots=True)
class Front:
    """What the last prompt of a document showed, and the budget that it was cut to."""

    tokens: int
    around: Window
    snippets: tuple[Snippet, ...] = ()


class Planner:
    """Remembers the front of each document's prompt, to keep it as the engine has it cached."""

    def __init__(self, settings: CompletionSettings, pace: Pace) -> None:
        self._settings = settings
        self._pace = pace
        self._fronts: dict[str, Front] = {}
        # While the engine reads a new front: the one it shall replace, and the new one.
        self._coming: dict[str, tuple[Front, Front]] = {}

    async def asked(self, place: Place, surroundings: Surroundings, *, invoked: bool) -> Plan:
        """What belongs at the cursor: the rest of its line, or a block."""
        shape = await shape_of(place)
        front = self._kept(place)
        if front is None:
            front = self._fronts[place.uri] = await self._composed(place, surroundings, hurry=not invoked)
        sampling = Sampling(max_tokens=self._settings.max_tokens, stop=("\n",) if shape == "line" else ())
        ends = partial(_end, place=place) if shape == "block" else len
        return Plan(self._request(front, sampling), place, shape, ends, surroundings, front.snippets)

    def ahead(self, place: Place, surroundings: Surroundings) -> Plan:
        """What may be asked for next, should `place` come about."""
        front = self._kept(place)
        if front is None:
            last = self._fronts.get(place.uri)
            front = _front(place, self._budget(hurry=True), last.snippets if last else ())
            self._fronts[place.uri] = front
        request = self._request(front, Sampling(max_tokens=_AHEAD_TOKENS))
        return Plan(request, place, None, end_of_ahead, surroundings, front.snippets)

    async def reading(self, place: Place, surroundings: Surroundings) -> Plan:
        """The prompt alone, with what the code at `place` needs by now: there is time.

        The document keeps its front until `was_read`: who types on meanwhile gets an answer at once, from the old one.
        """
        last = self._kept(place)
        front = await self._composed(place, surroundings, hurry=True)
        if last is None:
            self._fronts[place.uri] = front
        elif set(front.snippets) <= set(last.snippets):
            front = last
        else:
            self._coming[place.uri] = (last, front)
        return Plan(self._request(front, Sampling(max_tokens=1)), place, None, None, surroundings, front.snippets)

    def was_read(self, place: Place) -> None:
        """The engine has the prompt of `reading` in its cache."""
        last, front = self._coming.pop(place.uri, (None, None))
        if front is not None and self._fronts.get(place.uri) is last:
            self._fronts[place.uri] = front

    def forget(self, uri: str) -> None:
        self._fronts.pop(uri, None)
        self._coming.pop(uri, None)

    def _kept(self, place: Place) -> Front | None:
        """The document's front, with its budget, while the prompt only grows or shrinks at its end.

        Another budget, or other snippets, are another front, and so a prompt that is computed as a whole: in
        mid-typing that is a wait.
        """
        last = self._fronts.get(place.uri)
        if last is None:
            return None
        around = steady(last.around, _cut(place, characters(last.tokens) - _size(last.snippets)))
        if not _grown(last.around, around):
            return None
        front = self._fronts[place.uri] = replace(last, around=around)
        return front

    async def _composed(self, place: Place, surroundings: Surroundings, *, hurry: bool) -> Front:
        tokens = self._budget(hurry=hurry)
        room = characters(tokens)
        alone = _cut(place, room)
        shown = len(place.before) - len(alone.prefix), len(place.before) + len(alone.suffix)
        document = Document(place.uri, place.language, place.before + place.after, path=surroundings.path)
        spare = room - len(alone.prefix) - len(alone.suffix)
        most = max(int(room * _SNIPPETS_SHARE), spare)
        found = await asyncio.to_thread(surroundings.snippets, document, len(place.before), shown, most)
        last = self._fronts.get(place.uri)
        # What the engine has read already goes first, so that it need not read it again.
        kept = [snippet for snippet in last.snippets if snippet in found] if last else []
        return _front(place, tokens, (*kept, *(snippet for snippet in found if snippet not in kept)))

    def _budget(self, *, hurry: bool) -> int:
        return self._pace.prompt_tokens(self._settings.prompt_tokens, hurry=hurry)

    def _request(self, front: Front, sampling: Sampling) -> CompletionRequest:
        prompt = render_fim(front.around.prefix, front.around.suffix, front.snippets)
        doubtful = self._settings.min_probability > 0
        return CompletionRequest(self._settings.model, prompt, sampling, logprobs=doubtful, heal=True)


def _front(place: Place, tokens: int, snippets: tuple[Snippet, ...]) -> Front:
    return Front(tokens, _cut(place, characters(tokens) - _size(snippets)), snippets)


def _cut(place: Place, room: int) -> Window:
    return window(place.before + place.after, len(place.before), room)


def _size(snippets: tuple[Snippet, ...]) -> int:
    return sum(len(snippet.text) for snippet in snippets)


def _grown(last: Window, now: Window) -> bool:
    """Whether one prompt begins with the other."""
    same = now.prefix.startswith(last.prefix) or last.prefix.startswith(now.prefix)
    return same and now.suffix == last.suffix


async def shape_of(place: Place) -> Shape:
    return await asyncio.to_thread(shape_at, place.before + place.after, place.language, len(place.before))


def _end(text: str, place: Place) -> int:
    """Where a block ends: by its indentation, or where it comes to what already stands after the cursor."""
    end = end_of_block(text, place.line)
    whole = text[: text.rfind("\n") + 1]
    if end == len(text) and whole and not trim(f"{whole}\0", place.line, place.after).endswith("\0"):
        return len(whole)
    return end


def end_of_ahead(text: str) -> int:
    """Length of the rest of this line, and of the next line that has something in it."""
    position = text.find("\n") + 1
    while position:
        end = text.find("\n", position)
        if end < 0 or text[position:end].strip():
            return end if end >= 0 else len(text)
        position = end + 1
    return len(text)
