from __future__ import annotations

import pytest

from mmcore.completion.trim import trim


@pytest.mark.parametrize(
    ("prefix", "completion", "suffix", "kept"),
    [
        ("f(", "a, b)", ")\nnext()\n", "a, b"),
        ("f(", "bar(x)", ")\n", "bar(x)"),
        ("f(", "bar(x))", ")\n", "bar(x)"),
        ("y = ", "value + other", " + other\n", "value"),
        ("y = ", "x\ny = 2\n", " if z else 0\n", "x"),
        ("", "x = 1\nreturn x\nmore", "\nreturn x\n", "x = 1"),
        ("    ", "x = 1\n    return x", "\n\n    return x\n", "x = 1"),
        ("", "plain", "", "plain"),
        ("", "plain", "\n\n", "plain"),
        ("y = ", "'text'", "'\n", "'text"),
    ],
)
def test_what_already_stands_after_the_cursor_is_cut(prefix: str, completion: str, suffix: str, kept: str) -> None:
    assert trim(completion, prefix, suffix) == kept


def test_before_a_line_of_code_a_whole_line_is_inserted() -> None:
    assert trim("    total = 0", "def f():\n", "    return total\n") == "    total = 0\n"
    assert trim("total = 0", "def f():\n    ", "return total\n") == "total = 0\n    "


def test_before_a_line_of_code_its_head_is_inserted() -> None:
    assert trim("result = compute(x)", "    ", "compute(x)\n") == "result = "


def test_a_line_that_stands_there_already_is_not_written_twice() -> None:
    assert trim("    return total", "def f():\n", "    return total\n") == ""


def test_a_block_that_the_tokenizer_moved_right_is_moved_back() -> None:
    assert trim(" if x:\n         y()", "        ", "\n") == "if x:\n        y()"
