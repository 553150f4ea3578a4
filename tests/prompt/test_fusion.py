from __future__ import annotations

import pytest

from mmcore.errors import SettingError
from mmcore.prompt.fusion import Shown, confidence, fuse, objections
from mmcore.types import Line, Reading

BOTH, TEXT, PIXELS = Shown(True, True), Shown(True, False), Shown(False, True)


def reading(text: str, score: float = 0.97) -> Reading:
    lines = tuple(Line(line, (0, 0, 10, 10), score) for line in text.splitlines())
    return Reading("terminal", text, lines, (100, 100))


CLEAR = reading("  File \"/srv/shop/prices.py\", line 7, in total_price\n    return PRICES[name]\nKeyError: 'pear'")
FAINT = reading('  Fi1e "/srv/shop/pr1ces.py", l1ne 7', 0.5)
NOTHING = reading("")


@pytest.mark.parametrize(
    ("fusion", "sees", "read", "shown"),
    [
        ("transcript", True, CLEAR, TEXT),
        ("native", True, CLEAR, PIXELS),
        ("native", None, CLEAR, PIXELS),
        ("native", False, CLEAR, TEXT),
        ("adaptive", True, CLEAR, BOTH),
        ("adaptive", True, FAINT, PIXELS),
        ("adaptive", True, NOTHING, PIXELS),
        ("adaptive", True, reading("OK", 0.99), PIXELS),
        ("adaptive", False, FAINT, TEXT),
        ("adaptive", None, CLEAR, TEXT),
    ],
)
def test_what_is_shown_follows_setting_model_and_confidence(
    fusion: str, sees: bool | None, read: Reading, shown: Shown
) -> None:
    assert fuse(fusion, sees, read) == shown


def test_another_word_for_the_setting_is_refused() -> None:
    with pytest.raises(SettingError, match="transcript, native, adaptive"):
        fuse("early", True, CLEAR)


def test_long_lines_weigh_more_in_the_confidence() -> None:
    lines = (Line("a" * 90, (0, 0, 1, 1), 1.0), Line("b" * 10, (0, 0, 1, 1), 0.0))
    assert confidence(Reading("code", "", lines, (1, 1))) == pytest.approx(0.9)


def test_a_line_number_that_was_not_read_is_objected_to() -> None:
    assert objections("It fails in prices.py:9.", [CLEAR]) == ["prices.py: line 9 was said, line 7 was read"]
    assert objections("It fails in `prices.py`, at line 9.", [CLEAR]) == ["prices.py: line 9 was said, line 7 was read"]
    assert objections("It fails in shop/prices.py:7.", [CLEAR]) == []


def test_a_name_that_is_nearly_what_was_read_is_objected_to() -> None:
    assert objections("`totl_price` raises it.", [CLEAR]) == ["`totl_price` was said, `total_price` was read"]
    assert objections("`total_price` raises it.", [CLEAR]) == []


def test_what_was_not_read_at_all_is_not_objected_to() -> None:
    assert objections("Use `dict.get` in cart.py:3, as `PRICES.get(name)`.", [CLEAR]) == []


def test_a_reader_who_is_not_sure_objects_to_nothing() -> None:
    assert objections("It fails in prices.py:9, in `totl_price`.", [FAINT, NOTHING]) == []
