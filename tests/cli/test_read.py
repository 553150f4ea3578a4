"""`sidesight read` prints what a picture says and, with the code at hand, where that is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

SAMPLE = Path(__file__).parents[2] / "lsp_server" / "sample"
PICTURE = str(SAMPLE / "pictures" / "checkout-fails.png")
Sidesight = Callable[..., Any]


def test_the_text_is_printed_and_nothing_else(sidesight: Sidesight) -> None:
    ended = sidesight("read", PICTURE)
    assert ended.status == 0
    assert "KeyError: 'pear'" in ended.out
    assert "→" not in ended.out


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
