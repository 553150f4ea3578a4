"""Plan what the engine is asked for a place: how much text around it, in which form, and where the answer ends."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial

from mmcore.completion.flight import Plan
from mmcore.completion.front import steady
from mmcore.completion.pace import Pace
from mmcore.completion.place import Place
from mmcore.completion.shape import Shape, end_of_block, shape_at
from mmcore.completion.trim import trim
from mmcore.completion.window import Window, window
from mmcore.config import CompletionSettings
from mmcore.engine.base import CompletionRequest, Sampling
from mmcore.prompt.budget import characters
from mmcore.prompt.fim import render_fim

# Tokens written ahead of the programmer: one line, or little more.
_AHEAD_TOKENS = 40


@dataclass(frozen=True, slots=True)
class Front:
    """What the last prompt of a document showed, and the budget that it was cut to."""

    tokens: int
    around: Window


class Planner:
    """Remembers the front of each document's prompt, to keep it as the engine has it cached."""

    def __init__(self, settings: CompletionSettings, pace: Pace) -> None:
        self._settings = settings
        self._pace = pace
        self._fronts: dict[str, Front] = {}

    async def asked(self, place: Place, invoked: bool) -> Plan:
        """What belongs at the cursor: the rest of its line, or a block."""
        shape = await shape_of(place)
        around = self._around(place, invoked)
        sampling = Sampling(max_tokens=self._settings.max_tokens, stop=("\n",) if shape == "line" else ())
        ends = partial(_end, place=place) if shape == "block" else len
        return Plan(self._request(around, sampling), place, shape, ends)

    def ahead(self, place: Place) -> Plan:
        """What may be asked for next, should `place` come about."""
        sampling = Sampling(max_tokens=_AHEAD_TOKENS)
        return Plan(self._request(self._around(place), sampling), place, None, end_of_ahead)

    def reading(self, place: Place) -> Plan:
        """The prompt alone."""
        return Plan(self._request(self._around(place), Sampling(max_tokens=1)), place, None, None)

    def _around(self, place: Place, invoked: bool = False) -> Window:
        """The window, with the budget that the document's prompt has while that only grows or shrinks at its end.

        Another budget is another front, and so a prompt that is computed as a whole: in mid-typing that is a wait.
        """
        last = self._fronts.get(place.uri)
        if last is not None:
            around = steady(last.around, _cut(place, last.tokens))
            if _grown(last.around, around):
                self._fronts[place.uri] = Front(last.tokens, around)
                return around
        tokens = self._pace.prompt_tokens(self._settings.prompt_tokens, hurry=not invoked)
        around = _cut(place, tokens)
        self._fronts[place.uri] = Front(tokens, around)
        return around

    def _request(self, around: Window, sampling: Sampling) -> CompletionRequest:
        prompt = render_fim(around.prefix, around.suffix)
        doubtful = self._settings.min_probability > 0
        return CompletionRequest(self._settings.model, prompt, sampling, logprobs=doubtful, heal=True)


def _cut(place: Place, tokens: int) -> Window:
    return window(place.before + place.after, len(place.before), characters(tokens))


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
