"""`sidesight read` prints what a picture says and, with the code at hand, where that is."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SAMPLE = Path(__file__).parents[2] / "lsp_server" / "sample"
PICTURE = str(SAMPLE / "pictures" / "checkout-fails.png")
Sidesight = Callable[..., Any]


def test_the_text_is_printed_and_nothing_else(sidesight: Sidesight) -> None:
    ended = sidesight("read", PICTURE)
    assert ended.status == 0
    assert "KeyError: 'pear'" in ended.out
    assert "→" not in ended.out


def test_the_picture_may_be_a_data_uri(sidesight: Sidesight) -> None:
    encoded = base64.b64encode(Path(PICTURE).read_bytes()).decode()
    assert "KeyError: 'pear'" in sidesight("read", f"data:image/png;base64,{encoded}").out


def test_the_picture_may_be_on_the_clipboard(
    sidesight: Sidesight, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("wl-paste", "xclip"):
        (tmp_path / name).write_text(f"#!/bin/sh\ncat '{PICTURE}'\n", "utf-8")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert "KeyError: 'pear'" in sidesight("read", "clipboard:").out


def test_a_clipboard_without_a_picture_is_said_to_be_one(
    sidesight: Sidesight, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    ended = sidesight("read", "clipboard:")
    assert ended.status == 2
    assert "no picture can be had from the clipboard" in ended.err
    assert ended.err.count("\n") == 1


def test_with_a_root_the_places_in_it_follow(sidesight: Sidesight) -> None:
    ended = sidesight("read", PICTURE, "--root", str(SAMPLE))
    places = [line for line in ended.out.splitlines() if line.startswith("→")]
    assert places[0] == f"→ {SAMPLE / 'shop' / 'prices.py'}:7"
    assert len(places) == 3


def test_json_has_the_places_as_people_count_them(sidesight: Sidesight) -> None:
    read = json.loads(sidesight("read", PICTURE, "--json", "--root", str(SAMPLE)).out)
    assert read["locations"][0]["path"] == str(SAMPLE / "shop" / "prices.py")
    assert read["locations"][0]["range"]["start"] == {"line": 7, "column": 5}
    assert read["differences"] == []


def test_a_root_without_the_files_is_said_to_be_one(sidesight: Sidesight, tmp_path: Path) -> None:
    assert sidesight("read", PICTURE, "--root", str(tmp_path)).out.splitlines()[-1].startswith("(none of the 6 places")


def test_a_root_that_is_no_folder_is_refused(sidesight: Sidesight) -> None:
    ended = sidesight("read", PICTURE, "--root", PICTURE)
    assert ended.status == 2
    assert ended.err.count("\n") == 1
