"""Ask for faults in a piece of code, each with the line that it is about."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mmcore.types import Message

SYSTEM = (
    "You review code for real faults: wrong results, crashes, unhandled cases, resource leaks, security holes. No "
    "remarks on style. For each fault write exactly two lines:\nLINE: the line of code, copied exactly\n"
    "FAULT: what goes wrong with it, for which input\nAt most five faults. If there is none, answer NONE."
)
PAIR = re.compile(r"LINE:\**[ \t]*`{0,3}(?P<line>[^\n]+?)`{0,3}[ \t]*\n+[^\n]*?FAULT:\**[ \t]*(?P<fault>[^\n]+)")


@dataclass(frozen=True, slots=True)
class Remark:
    """A line as the model quotes it, and what is wrong with it."""

    line: str
    fault: str


def render_review(code: str, language: str, instruction: str = "") -> tuple[Message, ...]:
    asked = f"```{language}\n{code}\n```\n\n{instruction or 'Review this code.'}"
    return Message("system", SYSTEM), Message("user", asked)


def read_remarks(answer: str) -> list[Remark]:
    return [Remark(match["line"].strip(), match["fault"].strip()) for match in PAIR.finditer(answer)]
