from __future__ import annotations

import pytest

from mmcore.completion.shape import end_of_block, shape_at


def at(text: str) -> tuple[str, int]:
    """A text whose cursor is drawn as ▮."""
    return text.replace("▮", ""), text.index("▮")


@pytest.mark.parametrize(
    ("language", "text", "shape"),
    [
        ("python", "x = ▮\n", "line"),
        ("python", "def f():▮\n", "block"),
        ("python", "def f():\n    ▮\n", "block"),
        ("python", "foo(▮)\n", "line"),
        ("python", "foo(a, ▮, c)\n", "line"),
        ("python", "# a comment about:▮\n", "line"),
        ("python", "s = 'open: ▮\n", "line"),
        ("typescript", "function f() {▮}\n", "block"),
        ("typescript", "const a = b.▮\n", "line"),
        ("go", "for i := range x {\n\t▮\n}\n", "block"),
        ("rust", "fn main() {\n    ▮\n}\n", "block"),
        ("plaintext", "some words ▮", "line"),
        ("plaintext", "▮", "block"),
    ],
)
def test_the_syntax_around_the_cursor_decides(language: str, text: str, shape: str) -> None:
    source, offset = at(text)
    assert shape_at(source, language, offset) == shape


@pytest.mark.parametrize(
    ("prefix", "completion", "kept"),
    [
        ("def f():\n    ", "x = 1\n    return x\n\ndef g():\n    pass", "x = 1\n    return x"),
        ("def f():", "\n    return 1\n\nprint(f())", "\n    return 1"),
        ("if (a) {", "\n  b();\n}\nc();", "\n  b();\n}\n"),
        ("def f():\n    ", "a\n\n    b\n\n\n    c", "a\n\n    b\n"),
        ("def f():\n    ", "return 1", "return 1"),
        ("def f():\n", "    return 1\n\n# Test cases\nprint(1)", "    return 1"),
        ("for {\n\t", "a()\n\tb()\n}\nc()", "a()\n\tb()"),
    ],
)
def test_a_block_ends_where_its_indentation_does(prefix: str, completion: str, kept: str) -> None:
    assert completion[: end_of_block(completion, prefix)] == kept
