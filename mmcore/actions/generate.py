"""Generate code from an instruction, a comment above the cursor, a selection or a picture."""

from __future__ import annotations

import re
from dataclasses import replace

from mmcore.actions.examine import Candidate, Rules, examine
from mmcore.actions.outcome import conclude
from mmcore.actions.related import other_files
from mmcore.actions.request import Outcome, Request, Tools
from mmcore.actions.speak import speak, total
from mmcore.actions.target import text_of
from mmcore.edits.propose import FormError, propose_range
from mmcore.errors import InputError
from mmcore.prompt.actions.fix import render_retry
from mmcore.prompt.actions.generate import render_generate
from mmcore.text import line_at, line_starts, offset_at, offsets, position_at
from mmcore.types import Document, Position, Range, Usage
from mmcore.verify.result import CheckResult, first_failure
from mmcore.verify.stopping import in_thread

COMMENT = re.compile(r"^[ \t]*(?:#|//|--|/\*+|<!--|;+|%)\s*(?P<text>.*?)\s*(?:\*/|-->)?[ \t]*$")
AROUND = 3000
PICTURE = {"html": "Write the form that the picture shows, as HTML.", "mermaid": "Write the diagram as Mermaid."}


async def generate(tools: Tools, request: Request) -> Outcome:
    """Insert at the range's start, or replace the range; streams what is written to `tools.on_text`.

    Raises InputError where nothing says what to write; EngineError, PerceptionError, ImageError.
    """
    document = request.document
    readings = [await tools.read(image) for image in request.images]
    span = place_of(request)
    instruction = request.instruction or instruction_above(document, span.start) or _of_picture(request)
    if not instruction:
        raise InputError("say what to write: --instruction, or a comment above the cursor")
    begin, end = offsets(document.text, span)
    selected = document.text[begin:end]
    messages = render_generate(
        document.text[max(0, begin - AROUND) : begin],
        selected,
        document.text[end : end + AROUND],
        document.language,
        instruction,
        "\n\n".join(reading.text for reading in readings),
        "\n".join(await in_thread(other_files, tools, request, begin)),
    )
    tried: list[Candidate] = []
    usage = Usage()
    asked = messages
    for number in range(1 + tools.settings.actions.rounds):
        tools.say("writing" if not number else "writing again: a check failed")
        said = await speak(tools, asked, temperature=0.0 if not number else 0.4, seed=number, stream=not number)
        usage = total(usage, said.usage)
        try:
            after = propose_range(document, span, said.text, cut_off=said.cut_off)
            candidate = await in_thread(examine, request, after, Rules(allowed=_room(document, span)))
        except FormError as error:
            candidate = Candidate(document.text, (CheckResult("form", "failed", str(error)),))
        candidate = replace(candidate, answer=said.text)
        tried.append(candidate)
        failure = first_failure(candidate.checks)
        if failure is None:
            break
        asked = render_retry(messages, said.text, f"{failure.name}: {failure.detail}")
    return conclude(request, tried, usage, "generate")


def place_of(request: Request) -> Range:
    """The range that is given; its end where it holds only comments, which stay; without one, the document's end."""
    if request.range is not None:
        lines = text_of(request.document.text, request.range).splitlines()
        if not request.instruction and lines and all(COMMENT.match(line) for line in lines):
            return Range(request.range.end, request.range.end)
        return request.range
    end = position_at(request.document.text, len(request.document.text))
    return Range(end, end)


def instruction_above(document: Document, place: Position) -> str:
    """The comment that ends on the line of `place` or the last line with text above it."""
    starts = line_starts(document.text)
    number = min(place.line, len(starts) - 1)
    while number > 0 and not line_at(document.text, number, starts).strip():
        number -= 1
    lines: list[str] = []
    while number >= 0 and (found := COMMENT.match(line_at(document.text, number, starts))):
        lines.insert(0, found["text"])
        number -= 1
    return " ".join(line for line in lines if line)


def _of_picture(request: Request) -> str:
    if not request.images:
        return ""
    return PICTURE.get(request.document.language, f"Write what the picture shows, in {request.document.language}.")


def _room(document: Document, span: Range) -> Range:
    """The range, widened to whole lines: an insertion may bring its own line ends."""
    starts = line_starts(document.text)
    last = starts[span.end.line + 1] if span.end.line + 1 < len(starts) else len(document.text)
    end = offset_at(document.text, span.end)
    rest = document.text[end:last]
    return Range(Position(span.start.line, 0), position_at(document.text, last if not rest.strip() else end))
