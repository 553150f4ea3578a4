from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lsp_server.cli.ask import read_part
from mmcore.types import Position, Range

SAID = "The scripted engine was asked and answers: 你好, **world**.\n\nThat is all that it says."


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace, and the current directory."""
    (tmp_path / "cart.py").write_text("one = 1\ntwo = 2\nthree = 3\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("host")
def test_json_has_everything_that_a_script_needs(sidesight: Any) -> None:
    ended = sidesight("ask", "why?", "--json")
    assert ended.status == 0, ended.err
    result = json.loads(ended.out)
    assert set(result) == {"answer", "conversation", "locations", "sources", "model"}
    assert result["answer"] == SAID


@pytest.mark.usefixtures("host")
def test_answer_is_printed_and_how_to_go_on(sidesight: Any) -> None:
    ended = sidesight("ask", "why?")
    assert ended.out == f"{SAID}\n"
    conversation = ended.err.partition("--conversation ")[2].strip(")\n")
    assert sidesight("ask", "and?", "--conversation", conversation, "--json").status == 0


@pytest.mark.usefixtures("host")
def test_part_of_a_file_is_a_source(sidesight: Any) -> None:
    result = json.loads(sidesight("ask", "why?", "--file", "cart.py:2-3", "--json").out)
    assert any("cart.py" in source for source in result["sources"])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([" "], "the question is empty"),
        (["why?", "--file", "none.py"], "does not exist"),
        (["why?", "--file", "cart.py:0-2"], "counted from 1"),
        (["why?", "--file", "cart.py:3-2"], "counted from 1"),
        (["why?", "--file", "cart.py:2-9"], "has 4 lines; there is no line 9"),
        (["why?", "--image", "none.png"], "none.png"),
        (["why?", "--image", "cart.py"], "cart.py"),
        (["why?", "--conversation", "no-such"], "no-such"),
    ],
)
@pytest.mark.usefixtures("host")
def test_bad_input_is_one_line_and_status_2(sidesight: Any, arguments: list[str], complaint: str) -> None:
    ended = sidesight("ask", *arguments)
    assert (ended.status, ended.out) == (2, "")
    assert complaint in ended.err
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cart.py", None),
        ("cart.py:2", Range(Position(1, 0), Position(1, 7))),
        ("cart.py:1-3", Range(Position(0, 0), Position(2, 9))),
    ],
)
def test_lines_are_inclusive(text: str, expected: Range | None) -> None:
    document, span = read_part(text)
    assert document.path is not None
    assert (document.path.name, span) == ("cart.py", expected)


def test_file_whose_own_name_ends_like_lines_is_read(here: Path) -> None:
    (here / "log:12").write_text("whole")
    document, span = read_part("log:12")
    assert (document.text, span) == ("whole", None)
