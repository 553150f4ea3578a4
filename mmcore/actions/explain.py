"""Explain a piece of code, with the places that the explanation names."""

from __future__ import annotations

import re

from mmcore.actions.related import related_code
from mmcore.actions.request import Outcome, Request, Tools
from mmcore.actions.speak import speak
from mmcore.actions.target import code_of, target_of
from mmcore.prompt.actions.explain import render_explain
from mmcore.syntax import symbols
from mmcore.text import offsets
from mmcore.types import Location
from mmcore.verify.stopping import in_thread

NAME = re.compile(r"`([^\W\d]\w*)(?:\(\))?`")
MAX_CODE = 9000


async def explain(tools: Tools, request: Request) -> Outcome:
    """The answer streams to `tools.on_text`. Raises InputError, EngineError."""
    document = request.document
    target = target_of(request)
    if target is not None:
        code = code_of(request, target)
        related = await in_thread(related_code, tools, request, target)
    else:
        begin, end = offsets(document.text, request.range) if request.range else (0, len(document.text))
        code, related = document.text[begin:end], ""
    tools.say("reading the code")
    said = await speak(
        tools, render_explain(code[:MAX_CODE], document.language, request.instruction, related), stream=True
    )
    return Outcome(
        document,
        document.text,
        (),
        "",
        (),
        True,
        f"explained `{target.name}`" if target else "explained",
        1,
        said.usage,
        text=said.text,
        locations=_named(request, said.text),
    )


def _named(request: Request, answer: str) -> tuple[Location, ...]:
    """Where the names stand that the answer puts in backticks and this document defines, each once."""
    document = request.document
    if document.path is None:
        return ()
    wanted = dict.fromkeys(NAME.findall(answer))
    defined = {symbol.name: symbol for symbol in reversed(symbols(document.text, document.language))}
    return tuple(Location(document.path, defined[name].range) for name in wanted if name in defined)
