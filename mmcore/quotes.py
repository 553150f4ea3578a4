"""Quote from pictures what a question asks for: a line by its number, the names that code defines, how tests ended."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mmcore.syntax import symbols
from mmcore.types import Reading, Region
from mmcore.whereabouts import Fact

LINES = re.compile(r"\blines?\s+(\d{1,6})(?:\s*(?:-|–|to|and|until)\s*(\d{1,6}))?|第\s*(\d{1,6})\s*行", re.IGNORECASE)
DEFINITIONS = re.compile(r"\bdefin\w+|\b(?:functions|methods|classes)\b", re.IGNORECASE)
TESTS = re.compile(r"\btests?\b.*\b(?:pass|fail)|\b(?:pass|fail)\w*\b.*\btests?\b", re.IGNORECASE)
# Of pytest, whose bars `-q` leaves out.
ENDS = r"\d+ (?:failed|passed|skipped|deselected|xfailed|xpassed|warnings?|errors?)"
SUMMARY = re.compile(rf"^(?:=+ )?({ENDS}(?:, {ENDS})*) in \d", re.MULTILINE)
MOST_LINES = 12


def quotes(question: str, readings: Sequence[Reading]) -> list[Fact]:
    """Nothing where the question names none of these, or no picture shows them."""
    code = [region for reading in readings for region in reading.regions if region.kind == "code"]
    return [*_lines(question, code), *_definitions(question, code), *_tests(question, readings)]


def _lines(question: str, code: Sequence[Region]) -> Iterator[Fact]:
    numbered = [region for region in code if region.first_line is not None]
    for match in LINES.finditer(question) if numbered else ():
        first = int(match[1] or match[3])
        last = max(first, int(match[2] or first))
        for number in range(first, min(last, first + MOST_LINES - 1) + 1):
            yield _line(number, numbered)


def _line(number: int, code: Sequence[Region]) -> Fact:
    shown = []
    for region in code:
        lines = region.text.split("\n")
        start = region.first_line or 0
        if start <= number < start + len(lines):
            text = lines[number - start].strip()
            return Fact(f"line {number} in the picture: {text or '(empty)'}", (text or "empty",))
        shown.append(f"{start}-{start + len(lines) - 1}")
    return Fact(f"line {number} is not in the picture, which shows lines {', '.join(shown)}", ("not",))


def _definitions(question: str, code: Sequence[Region]) -> Iterator[Fact]:
    known = [region for region in code if region.language]
    if not known or not DEFINITIONS.search(question):
        return
    names = [symbol.name for region in known for symbol in symbols(region.text, region.language) if symbol.name]
    if names:
        yield Fact(f"defined in the picture: {', '.join(names)}", tuple(names))
    else:
        yield Fact("nothing is defined in the code that the picture shows", ("nothing",))


def _tests(question: str, readings: Sequence[Reading]) -> Iterator[Fact]:
    for reading in readings if TESTS.search(question) else ():
        for match in SUMMARY.finditer(reading.text):
            counts = match[1].split(", ")
            counts += [f"0 {word}" for word in ("failed", "passed") if word not in match[1]]
            yield Fact(f"the tests in the picture: {', '.join(counts)}", tuple(count.split()[0] for count in counts))
