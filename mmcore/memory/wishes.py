"""Find in what a user has said the wishes that hold from then on: "always type your functions", "never use print"."""

from __future__ import annotations

import re
from collections.abc import Iterable

STANDING = re.compile(
    r"\b(?:always|never|from now on|whenever|every time|each time|in (?:the )?future|by default|"
    r"(?:for|in) all (?:code|functions|files|tests)|immer|nie(?:mals)?|ab jetzt|künftig)\b",
    re.I,
)
# A question about what always happens wishes for nothing; what code does is told in the third person.
NO_WISH = re.compile(r"\?\s*$|^\s*(?:why|what|how|when|where|who|does|is|are|can|could|it|this|that|the)\b", re.I)
LONGEST = 200
MOST = 8


def wishes(said: Iterable[str]) -> tuple[str, ...]:
    """From messages, the newest first: at most `MOST` sentences, each once."""
    found: dict[str, str] = {}
    for message in said:
        for sentence in re.split(r"(?<=[.!?])\s+|\n+", message):
            text = sentence.strip().lstrip("-*• ")
            if STANDING.search(text) and not NO_WISH.search(text) and len(text) <= LONGEST:
                found.setdefault(text.casefold(), text)
    return tuple(list(found.values())[:MOST])
