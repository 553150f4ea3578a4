"""What pictures report is put where the user's own code is, once for each place."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmcore import whereabouts
from mmcore.types import Reading, Region


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "cart.c").write_text("int a;\n" * 80, "utf-8")
    (tmp_path / "main.py").write_text("import json\n\n\ndef run():\n    json.loads('')\n\n\nrun()\n", "utf-8")
    return tmp_path


def found(text: str, root: Path) -> list[tuple[str, int, str, bool]]:
    places = whereabouts.find([Reading("terminal", text, (), (9, 9))], [root])
    return [
        (one.location.path.name, one.location.range.start.line + 1, one.message, one.is_warning)
        for one in whereabouts.findings(places)
    ]


def test_each_error_of_a_compiler_is_a_finding_and_a_warning_is_one(shop: Path) -> None:
    text = "src/cart.c:57:1: error: 'prise' undeclared\nsrc/cart.c:60:5: warning: unused variable 'x'\n"
    assert found(text, shop) == [
        ("cart.c", 57, "error: 'prise' undeclared", False),
        ("cart.c", 60, "warning: unused variable 'x'", True),
    ]


def test_an_error_raised_in_a_library_is_reported_where_the_user_called_it(shop: Path) -> None:
    text = """Traceback (most recent call last):
  File "/app/main.py", line 8, in <module>
    run()
  File "/app/main.py", line 5, in run
    json.loads('')
  File "/usr/lib/python3.12/json/decoder.py", line 356, in raw_decode
    raise JSONDecodeError("Expecting value", s, err.value)
json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)"""
    places = whereabouts.find([Reading("traceback", text, (), (9, 9))], [shop])
    (finding,) = whereabouts.findings(places)
    assert finding.location.range.start.line + 1 == 5
    assert finding.message == "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)"
    assert [(at.range.start.line + 1, step) for at, step in finding.path_to] == [(8, "in <module>")]


def test_a_picture_that_names_nothing_here_reports_nothing(shop: Path) -> None:
    assert found("src/other.c:5:1: error: no", shop) == []
    assert found("all is well", shop) == []


def test_a_tab_leads_to_its_file_when_the_code_is_another(shop: Path) -> None:
    code = "def other():\n    compute(1)\n    return 2\n    # and more\n"
    box = (0, 0, 9, 9)
    regions = (Region("title", "main.py - shop", box), Region("code", code, box, 5))
    places = whereabouts.find([Reading("editor", code, (), (9, 9), regions=regions)], [shop])
    assert places.alignments == ()
    (place,) = places.locations
    assert (place.path, place.range.start.line + 1) == (shop / "main.py", 5)


def test_a_fact_is_in_an_answer_that_has_its_words_and_no_longer_ones(shop: Path) -> None:
    text = "  File \"/app/main.py\", line 5, in run\n    json.loads('')\nValueError: no"
    places = whereabouts.find([Reading("traceback", text, (), (9, 9))], [shop])
    raised, place = whereabouts.facts(places, [shop])
    assert (raised.text, place.text) == ("ValueError: no", "main.py:5")
    assert raised.is_in("a ValueError was raised")
    assert not raised.is_in("a MyValueErrors was raised")
    assert place.is_in("see `main.py`, line 5.")
    assert not place.is_in("see main.py, line 55")


def test_a_file_that_is_not_here_has_to_be_named_by_its_whole_path() -> None:
    text = 'Traceback (most recent call last):\n  File "/srv/app/api.py", line 7, in load\n    int(x)\nValueError: x\n'
    _, place = whereabouts.facts(whereabouts.find([Reading("traceback", text, (), (9, 9))], []), [])
    assert place.text == "/srv/app/api.py:7"
    assert not place.is_in("It failed in api.py, line 7.")
    assert place.is_in("It failed in `/srv/app/api.py`, line 7.")
