"""The code in a picture is found in the workspace, and where it differs is said, line by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmcore.context.compare import Difference, align

CODE = '''"""Prices."""

PRICES = {"apple": 3, "plum": 5}


def price(name):
    """The price of one."""
    return PRICES[name]


def total(names):
    result = 0
    for name in names:
        result += price(name)
    return result


def discount(amount, percent):
    if percent > 50:
        raise ValueError(percent)
    return amount * (100 - percent) // 100
'''
SHOWN = CODE.splitlines()[5:15]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "prices.py").write_text(CODE, "utf-8")
    (tmp_path / "lib" / "other.py").write_text("import prices\n\n\ndef main():\n    print(prices.total([]))\n", "utf-8")
    return tmp_path


def test_what_is_as_in_the_file_has_no_differences(shop: Path) -> None:
    found = align("\n".join(SHOWN), ["prices.py"], [shop], first_line=6)
    assert found is not None
    assert (found.path, found.first, found.last) == (shop / "lib" / "prices.py", 5, 15)
    assert found.differences == ()
    assert found.agreement == 1


def test_slips_of_the_reader_are_no_differences(shop: Path) -> None:
    shown = "\n".join(SHOWN).replace("result", "resu1t").replace("= 0", "= O").replace("    ", "   ")
    found = align(shown, ["prices.py"], [shop])
    assert found is not None
    assert found.differences == ()


def test_changed_missing_and_additional_lines_are_named_by_their_place_in_the_file(shop: Path) -> None:
    shown = [*SHOWN[:2], "    return PRICES.get(name)", *SHOWN[3:6], "    total = 1", *SHOWN[6:8], *SHOWN[9:]]
    found = align("\n".join(shown), ["prices.py"], [shop], first_line=6)
    assert found is not None
    assert found.differences == (
        Difference(7, "return PRICES[name]", "return PRICES.get(name)"),
        Difference(11, None, "total = 1"),
        Difference(13, "result += price(name)", None),
    )


def test_a_wrong_number_in_the_margin_moves_nothing(shop: Path) -> None:
    found = align("\n".join(SHOWN), ["prices.py"], [shop], first_line=16)
    assert found is not None
    assert found.first == 5


def test_line_that_scrolling_cuts_through_is_no_difference(shop: Path) -> None:
    shown = ["nnrfl nrirf(namfl)", *SHOWN[1:-1], "  rfl tu ru rfl sul t"]
    found = align("\n".join(shown), ["prices.py"], [shop])
    assert found is not None
    assert found.differences == ()


def test_longest_line_with_something_behind_it_in_the_file_differs(shop: Path) -> None:
    path = shop / "lib" / "prices.py"
    path.write_text(CODE.replace('"""The price of one."""', '"""The price of one."""  # net'), "utf-8")
    found = align("\n".join(SHOWN), ["prices.py"], [shop])
    assert found is not None
    assert [one.line for one in found.differences] == [6]


def test_lines_that_are_cut_off_by_the_window_are_no_difference(shop: Path) -> None:
    shown = [line[:22] for line in CODE.splitlines()]
    found = align("\n".join(shown), ["prices.py"], [shop])
    assert found is not None
    assert found.differences == ()


def test_file_that_no_tab_names_is_found_by_its_code(shop: Path) -> None:
    found = align("\n".join(SHOWN), [], [shop])
    assert found is not None
    assert found.path.name == "prices.py"


def test_code_that_is_elsewhere_or_too_little_is_not_aligned(shop: Path) -> None:
    assert align("def main():\n    x = compute()\n    show(x)\n    return x\n", ["prices.py"], [shop]) is None
    assert align("    return result", ["prices.py"], [shop]) is None
    assert align("", [], [shop]) is None
    assert align("\n".join(SHOWN), ["prices.py"], []) is None
