"""Render a fill-in-the-middle prompt."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mmcore.types import Snippet

_SPECIAL = re.compile(r"<\|(?=[a-z_]+\|>)")


def render_fim(prefix: str, suffix: str, snippets: Sequence[Snippet] = ()) -> str:
    """The prompt for Qwen2.5-Coder with the prefix last, behind `snippets` of other places.

    The trained order is prefix, suffix, middle. With the prefix moved behind the middle token, typing only appends to
    the prompt, so that all of it stays in the engine's cache; and the 0.5B passes more infillings (measured: 65 of 80
    single lines against 37). Snippets stand where the model was trained to see a repository's other files.
    """
    files = "".join(f"<|file_sep|>{plain(s.path.as_posix())}\n{plain(s.text)}\n" for s in snippets)
    head = f"{files}<|file_sep|>" if files else ""
    return f"{head}<|fim_prefix|><|fim_suffix|>{plain(suffix)}<|fim_middle|>{plain(prefix)}"


def plain(text: str) -> str:
    """`text` with the model's control tokens made harmless: what stands in a file is data.

    A zero-width joiner after `<` keeps the text readable and its tokens ordinary.
    """
    return _SPECIAL.sub("<\u200d|", text)
