"""Choose the text around the cursor that goes into the prompt."""

from __future__ import annotations

from dataclasses import dataclass

# The share of the budget that what follows the cursor may take; llama.vim gives 64 lines of 320.
_SUFFIX_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Window:
    prefix: str
    suffix: str


def window(text: str, offset: int, characters: int) -> Window:
    """At most about `characters` of `text` around code point `offset`, in whole lines where it is cut.

    The window's start moves in steps of a quarter of the prefix's budget and not with every character: a start that
    moved with the cursor would change the front of the prompt, and with it the whole cache, at each keystroke.
    """
    suffix_budget = int(characters * _SUFFIX_SHARE)
    prefix_budget = characters - min(suffix_budget, len(text) - offset)
    step = max(prefix_budget // 4, 1)
    over = offset - prefix_budget
    start = 0 if over <= 0 else -(-over // step) * step
    start = _next_line(text, start, offset) if start else 0
    end = min(offset + suffix_budget, len(text))
    end = _line_end(text, end) if end < len(text) and end - offset > 0 else end
    return Window(text[start:offset], text[offset:end])


def _next_line(text: str, start: int, offset: int) -> int:
    newline = text.find("\n", start, offset)
    return newline + 1 if newline >= 0 else start


def _line_end(text: str, end: int) -> int:
    newline = text.rfind("\n", 0, end)
    return newline + 1 if newline >= 0 else end
