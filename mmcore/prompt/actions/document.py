"""Ask for the sentences of a documentation comment, one slot a line; its form is ours."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mmcore.types import Message

SYSTEM = (
    "You document code for the programmers who will use it. You answer only by filling in the lines that you are "
    "given, in their order, each with one short, concrete sentence. No code, no Markdown, no further lines."
)
SLOT = re.compile(r"^[\s>*-]*\**`?(?P<slot>[A-Z]{4,}(?:\s+[^:`*]+)?)`?\**\s*:\**\s*(?P<text>.*)$")


def render_document(code: str, language: str, slots: Sequence[str], instruction: str = "") -> tuple[Message, ...]:
    """`slots` are labels such as `SUMMARY`, `PARAM size`, `RETURNS`, `RAISES ValueError`."""
    hints = {"SUMMARY": "what it does, in 5 to 15 words", "RETURNS": "what the returned value is"}
    hints |= {"YIELDS": "what each yielded value is"}
    lines = []
    for slot in slots:
        kind, _, name = slot.partition(" ")
        hint = hints.get(kind) or (f"when {name} is raised" if kind == "RAISES" else f"what {name} means")
        lines.append(f"{slot}: <{hint}>")
    wish = f"\n{instruction}" if instruction else ""
    asked = f"```{language}\n{code}\n```\n\nFill in:{wish}\n" + "\n".join(lines)
    return Message("system", SYSTEM), Message("user", asked)


def read_slots(answer: str, slots: Sequence[str]) -> dict[str, str]:
    """What the answer says for each slot that was asked for; whatever else it says is dropped."""
    wanted = {_key(slot): slot for slot in slots}
    found: dict[str, str] = {}
    for line in answer.splitlines():
        match = SLOT.match(line)
        if match and (slot := wanted.get(_key(match["slot"]))) and slot not in found:
            text = sentence(match["text"])
            if text:
                found[slot] = text
    return found


def sentence(text: str) -> str:
    """One line of prose: no placeholder, no Markdown, nothing that cannot be seen, closed by a full stop."""
    text = re.sub(r"\s+", " ", text.strip().strip("<>").strip("*").strip())
    text = "".join(letter for letter in text if letter.isprintable()).strip()
    if not text or text.lower() in ("none", "n/a", "none."):
        return ""
    text = text[0].upper() + text[1:]
    return text if text.endswith((".", "!", "?", "。")) else f"{text}."


def _key(slot: str) -> str:
    return re.sub(r"[\s`*]+", " ", slot).strip().casefold()
