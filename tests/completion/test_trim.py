from __future__ import annotations

import pytest

from mmcore.completion.trim import trim


@pytest.mark.parametrize(
    ("completion", "suffix", "kept"),
    [
        ("a, b)", ")\nnext()\n", "a, b"),
        ("bar(x)", ")\n", "bar(x)"),
        ("bar(x))", ")\n", "bar(x)"),
        ("value + other", " + other\n", "value"),
        ("x\ny = 2\n", " if z else 0\n", "x"),
        ("x = 1\nreturn x\nmore", "\nreturn x\n", "x = 1"),
        ("x = 1\n    return x", "\n\n    return x\n", "x = 1"),
        ("plain", "", "plain"),
        ("plain", "\n\n", "plain"),
        ("'text'", "'\n", "'text"),
    ],
)
def test_what_already_stands_after_the_cursor_is_cut(completion: str, suffix: str, kept: str) -> None:
    assert trim(completion, suffix) == kept
