"""Render a fill-in-the-middle prompt."""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"<\|(?=[a-z_]+\|>)")


def render_fim(prefix: str, suffix: str) -> str:
    """The prompt for Qwen2.5-Coder with the prefix last.

    The trained order is prefix, suffix, middle. With the prefix moved behind the middle token, typing only appends to
    the prompt, so that all of it stays in the engine's cache; and the 0.5B passes more infillings (measured: 65 of 80
    single lines against 37).
    """
    return f"<|fim_prefix|><|fim_suffix|>{plain(suffix)}<|fim_middle|>{plain(prefix)}"


def plain(text: str) -> str:
    """`text` with the model's control tokens made harmless: what stands in a file is data.

    A zero-width joiner after `<` keeps the text readable and its tokens ordinary.
    """
    return _SPECIAL.sub("<\u200d|", text)
