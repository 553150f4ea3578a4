"""What follows what in code settles what a cell holds."""

from __future__ import annotations

import numpy as np
import pytest

from mmcore.perception import succession
from mmcore.perception.ocr import Glyph
from training.ngrams import count


def row_of(text: str, **others: tuple[str, float]) -> list[Glyph | None]:
    """Certain glyphs, but for `at7=("c", 0.3)`: at place 7 stands what is written, or `c` with this share."""
    row: list[Glyph | None] = [Glyph(sign, 0.99, place) if sign != " " else None for place, sign in enumerate(text)]
    for name, (other, share) in others.items():
        place = int(name.removeprefix("at"))
        row[place] = Glyph(text[place], 1 - share, place, ((other, share),))
    return row


def chosen(row: list[Glyph | None]) -> str:
    return "".join(glyph.text if glyph else " " for glyph in succession.choose(row))


@pytest.mark.parametrize(
    ("seen", "place", "other", "right"),
    [
        ("self.projeot = 1", 10, "c", "self.project = 1"),
        ("    colori red;", 9, ":", "    color: red;"),
        ("fprintf(stderr, `a failure`)", 16, '"', 'fprintf(stderr, "a failure`)'),
        ("Call0bject(name)", 4, "O", "CallObject(name)"),
    ],
)
def test_what_code_has_more_often_is_chosen(seen: str, place: int, other: str, right: str) -> None:
    assert chosen(row_of(seen, **{f"at{place}": (other, 0.3)})) == right


@pytest.mark.parametrize(
    ("seen", "place", "other"),
    [
        ("commit a11c0de", 11, "O"),  # a digit of a hexadecimal number is no letter
        ("x = y + l", 8, "1"),  # and a letter becomes no digit
        ("don't", 3, " "),  # nor ink a blank
        ("self.projeot = 1", 10, "—"),
    ],
)
def test_what_has_other_judges_or_none_is_left(seen: str, place: int, other: str) -> None:
    assert chosen(row_of(seen, **{f"at{place}": (other, 0.3)})) == seen


def test_what_is_certain_is_left_and_nothing_is_invented() -> None:
    certain = row_of("self.projeot = 1", at10=("c", 0.02))
    assert succession.choose(certain) == certain
    assert chosen(row_of("self.projeot = 1", at10=("d", 0.3))) in ("self.projeot = 1", "self.projedt = 1")


def test_choices_next_to_each_other_are_made_together() -> None:
    assert chosen(row_of("retvnn total", at3=("u", 0.4), at4=("r", 0.4))) == "return total"


def test_what_was_chosen_is_certain_enough_to_stand_and_keeps_the_other() -> None:
    picked = succession.choose(row_of("self.projeot = 1", at10=("c", 0.3)))[10]
    assert picked is not None
    assert picked.score == succession.CHOSEN
    assert ("o", 0.7) in picked.others


def test_counts_are_of_all_sequences_up_to_the_order() -> None:
    keys, logarithms = count(np.array(succession.codes_of("abcab" * 10), np.uint64))
    counts = succession.Counts(keys, logarithms.astype(np.float32), 0.0)
    a, b = succession.codes_of("ab")
    found = np.exp(counts.of(np.array([a, (a << succession.BITS) | b, (b << succession.BITS) | b], np.uint64)))
    assert np.rint(found).tolist() == [20, 20, 0]
    assert int(keys[-1]).bit_length() <= succession.BITS * succession.ORDER


def test_spaces_count_once_and_digits_as_one() -> None:
    assert succession.codes_of("a  7\n   b") == succession.codes_of("a 3\nb")
