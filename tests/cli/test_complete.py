from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lsp_server.cli.complete import parse_cursor
from mmcore.errors import InputError


@pytest.fixture
def cart(tmp_path: Path) -> Path:
    path = tmp_path / "cart.py"
    path.write_text("# 😀 的\ndef add(total):\n    return \n", "utf-8")
    return path


@pytest.mark.usefixtures("host")
def test_json_has_everything_that_a_script_needs(sidesight: Any, cart: Path) -> None:
    ended = sidesight("complete", f"{cart}:3:12", "--json")
    assert ended.status == 0, ended.err
    result = json.loads(ended.out)
    assert result["text"].startswith("total + 1")
    # Counted from 1, as in the argument; the text replaces the range.
    assert result["range"] == {"start": {"line": 3, "column": 12}, "end": {"line": 3, "column": 12}}
    assert result["prompt_tokens"] > 0
    assert result["completion_tokens"] > 0
    assert set(result) == {
        "text", "range", "model", "prompt_tokens", "cached_tokens", "completion_tokens", "ms",
    }  # fmt: skip


@pytest.mark.usefixtures("host")
def test_text_is_printed_as_it_is(sidesight: Any, cart: Path) -> None:
    assert sidesight("complete", f"{cart}:3:12").out == "total + 1  # Σ\n"


@pytest.mark.usefixtures("host")
def test_columns_are_counted_in_characters(sidesight: Any, cart: Path) -> None:
    assert sidesight("complete", f"{cart}:1:6", "--json").status == 0
    ended = sidesight("complete", f"{cart}:1:7")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == f"sidesight: line 1 of {cart} ends at column 6; there is no column 7\n"


@pytest.mark.parametrize(
    ("cursor", "complaint"),
    [
        ("none.py:1:1", "does not exist"),
        ("cart.py", "not FILE:LINE:COLUMN"),
        ("cart.py:1", "not FILE:LINE:COLUMN"),
        ("cart.py:0:1", "not FILE:LINE:COLUMN"),
        ("cart.py:one:1", "not FILE:LINE:COLUMN"),
        ("cart.py:-1:1", "not FILE:LINE:COLUMN"),
        ("cart.py:9:1", "has 4 lines; there is no line 9"),
        (".:1:1", "is a directory"),
        ("data.bin:1:1", "binary"),
        ("latin.py:1:1", "not UTF-8"),
        ("long.js:1:1", "100,001 characters"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    sidesight: Any, cart: Path, monkeypatch: pytest.MonkeyPatch, cursor: str, complaint: str
) -> None:
    monkeypatch.chdir(cart.parent)
    Path("data.bin").write_bytes(b"\0\1")
    Path("latin.py").write_bytes(b"\xe9")
    Path("long.js").write_text("x" * 100_001)
    ended = sidesight("complete", cursor)
    assert (ended.status, ended.out) == (2, "")
    assert complaint in ended.err
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.py:2:3", ("a.py", 2, 3)),
        (r"C:\src\a.py:2:3", (r"C:\src\a.py", 2, 3)),
        ("odd:name.py:10:1", ("odd:name.py", 10, 1)),
    ],
)
def test_cursor_is_split_from_the_right(text: str, expected: tuple[str, int, int]) -> None:
    assert parse_cursor(text) == (Path(expected[0]), *expected[1:])


def test_cursor_without_a_file_is_refused() -> None:
    with pytest.raises(InputError, match="FILE:LINE:COLUMN"):
        parse_cursor(":1:1")


def test_dead_engine_is_one_line_and_status_2(sidesight: Any, cart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDESIGHT_ENGINE_URL", "http://127.0.0.1:9/v1")
    ended = sidesight("complete", f"{cart}:3:12")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.count("\n") == 1


@pytest.mark.usefixtures("host")
def test_setting_that_is_ignored_is_named(sidesight: Any, cart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDESIGHT_COMPLETION_MAX_TOKENS", "many")
    ended = sidesight("complete", f"{cart}:3:12")
    assert ended.status == 0
    assert "completion.max_tokens must be a number" in ended.err


@pytest.mark.usefixtures("host")
def test_explain_says_what_the_model_was_shown_and_why(sidesight: Any, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "prices.py").write_text("def price_of(name):\n    return 1\n")
    cart = tmp_path / "cart.py"
    cart.write_text("def total(names):\n    return price_of(\n")
    ended = sidesight("complete", f"{cart}:2:21", "--explain", "--json")
    assert ended.status == 0, ended.err
    (snippet,) = json.loads(ended.out)["context"]
    assert (snippet["path"], snippet["line"], snippet["reason"]) == ("prices.py", 1, "defines price_of")
    assert "prices.py:1: defines price_of" in sidesight("complete", f"{cart}:2:21", "--explain").err
    assert "no code of other places" in sidesight("complete", f"{tmp_path / 'prices.py'}:2:5", "--explain").err
