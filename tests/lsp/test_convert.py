from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.convert import (
    file_path,
    path_of,
    split_lines,
    to_character,
    to_column,
    to_lsp_range,
    uri_of,
    well_formed,
)
from mmcore.text import line_starts
from mmcore.types import Position, Range


@given(st.text(), st.data(), st.sampled_from(["utf-8", "utf-16", "utf-32"]))
def test_a_column_survives_the_way_to_the_client_and_back(line: str, data: st.DataObject, encoding: str) -> None:
    line = line.replace("\n", "").replace("\r", "")
    column = data.draw(st.integers(0, len(line)))
    assert to_column(line, to_character(line, column, encoding), encoding) == column


@given(st.text(alphabet=["a", "\n", "\r", "\x0b", "\x85", "\u2029"]))
def test_lines_are_cut_where_the_rest_of_sidesight_cuts_them(text: str) -> None:
    lines = split_lines(text)
    assert "".join(lines) == text
    assert len(lines) == len(line_starts(text))


def test_range_counts_utf16_units() -> None:
    span = to_lsp_range(split_lines("x\n😀😀y\n"), Range(Position(1, 1), Position(1, 3)), "utf-16")
    assert (span.start.character, span.end.character) == (2, 5)


def test_well_formed_text_is_left_as_it_is() -> None:
    assert well_formed("a😀\ufffd") == "a😀\ufffd"


@pytest.mark.parametrize("name", ["a b.py", "50%.py", "的😀.py", "a;b#c?d.py"])
def test_a_path_survives_the_way_through_its_uri(tmp_path: Path, name: str) -> None:
    assert path_of(uri_of(tmp_path / name)) == tmp_path / name


@pytest.mark.parametrize(
    ("uri", "windows", "expected"),
    [
        ("file:///home/me/a%20b.py", False, "/home/me/a b.py"),
        ("file:///c%3A/Users/me/x.py", True, "c:/Users/me/x.py"),
        ("file:///C:/x.py", True, "C:/x.py"),
        ("file://server/share/x.py", True, "//server/share/x.py"),
        ("file://localhost/etc/x", True, "/etc/x"),
        ("untitled:Untitled-1", False, None),
        ("vscode-notebook-cell:/a.ipynb#X", False, None),
        ("file:///a%00b", False, None),
        ("http://[", False, None),
        ("", False, None),
    ],
)
def test_uri_names_a_file_of_that_system(uri: str, windows: bool, expected: str | None) -> None:
    assert file_path(uri, windows) == expected
