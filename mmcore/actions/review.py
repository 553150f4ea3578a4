"""Review a piece of code: findings as diagnostics, each checked to point at code that is there."""

from __future__ import annotations

from mmcore.actions.request import Diagnostic, Outcome, Request, Tools
from mmcore.actions.speak import speak
from mmcore.actions.target import target_of
from mmcore.edits.anchors import find_lines
from mmcore.edits.lines import split_lines
from mmcore.prompt.actions.review import read_remarks, render_review
from mmcore.text import line_at, offset_at, position_at
from mmcore.types import Location, Position, Range
from mmcore.verify.result import CheckResult

MAX_CODE = 9000
SOURCE = "sidesight"


async def review(tools: Tools, request: Request) -> Outcome:
    """Findings of the symbol, the range or the whole document. Raises InputError, EngineError."""
    document = request.document
    target = target_of(request) if request.symbol or request.range else None
    end = position_at(document.text, len(document.text))
    span = target.range if target else request.range or Range(Position(0, 0), end)
    begin = offset_at(document.text, Position(span.start.line, 0))
    code = document.text[begin : offset_at(document.text, span.end)]
    tools.say("reviewing")
    said = await speak(tools, render_review(code[:MAX_CODE], document.language, request.instruction), stream=True)
    remarks = read_remarks(said.text)
    lines = split_lines(code)
    findings = []
    for remark in remarks:
        place = find_lines([remark.line], lines)
        if place is not None:
            findings.append(
                Diagnostic(_line(document.text, span.start.line + place[0]), remark.fault, "review", SOURCE)
            )
    dropped = len(remarks) - len(findings)
    detail = f"{len(findings)} point at code that is there" + (
        f", {dropped} did not and were dropped" if dropped else ""
    )
    where = tuple(Location(document.path, finding.range) for finding in findings) if document.path else ()
    return Outcome(
        document,
        document.text,
        (),
        "",
        (CheckResult("findings", "passed", detail),),
        True,
        f"{len(findings)} findings" if len(findings) != 1 else "1 finding",
        1,
        said.usage,
        text=said.text,
        locations=where,
        findings=tuple(findings),
    )


def _line(text: str, number: int) -> Range:
    """The line without its indentation."""
    line = line_at(text, number)
    return Range(Position(number, len(line) - len(line.lstrip())), Position(number, len(line.rstrip())))
