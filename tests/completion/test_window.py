from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mmcore.completion.window import window

LINES = "".join(f"line number {number}\n" for number in range(500))


def test_a_short_file_is_taken_whole() -> None:
    around = window("a\nbc\nd\n", 3, 1000)
    assert (around.prefix, around.suffix) == ("a\nb", "c\nd\n")


def test_a_long_file_is_cut_at_line_starts() -> None:
    around = window(LINES, LINES.index("number 250"), 1000)
    assert around.prefix.startswith("line number")
    assert around.suffix.endswith("\n")
    assert LINES.count(around.prefix) == 1


def test_the_front_of_the_prompt_stays_while_a_line_is_typed() -> None:
    at = LINES.index("line number 300")
    typed = "result = compute(a, b)"
    fronts = set()
    for count in range(len(typed)):
        text = LINES[:at] + typed[:count] + LINES[at:]
        around = window(text, at + count, 1000)
        fronts.add((around.prefix[:40], around.suffix))
    assert len(fronts) <= 2


@given(st.text(alphabet="ab\n", max_size=400), st.integers(0, 400), st.integers(20, 200))
def test_the_window_is_always_text_around_the_cursor(text: str, offset: int, characters: int) -> None:
    offset = min(offset, len(text))
    around = window(text, offset, characters)
    assert text[:offset].endswith(around.prefix)
    assert text[offset:].startswith(around.suffix)
    assert len(around.prefix) + len(around.suffix) <= characters
