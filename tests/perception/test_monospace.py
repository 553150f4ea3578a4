"""Rows, columns, line numbers and repeated shapes of monospaced text."""

from __future__ import annotations

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pytest
from numpy.typing import NDArray

from mmcore.perception import align, glyphs, grid
from mmcore.perception.gutter import find_gutter, margin
from mmcore.perception.ink import find_ink
from mmcore.perception.monospace import Row
from mmcore.perception.ocr import Glyph
from mmcore.perception.screen import split

CODE = ["def total(items):", "    price = 0", "    for item in items:", "        price += item", "", "    return price"]


def picture_of(lines: list[str], scale: int, dark: bool, row_height: int = 15) -> NDArray[np.uint8]:
    """Pillow's bitmap font is monospaced: 6 pixels a character; blown up without smoothing."""
    picture = PIL.Image.new("RGB", (330, 20 + row_height * len(lines)), "#202428" if dark else "#fdfcf8")
    pen = PIL.ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        colour = ("#e0e0e0", "#80c0ff")[number % 2] if dark else ("#202020", "#0040a0")[number % 2]
        pen.text((9, 10 + row_height * number), line, colour, font=PIL.ImageFont.load_default_imagefont())
    large = picture.resize((picture.width * scale, picture.height * scale), PIL.Image.Resampling.NEAREST)
    return np.ascontiguousarray(np.asarray(large)[:, :, ::-1])


@pytest.mark.parametrize("scale", [2, 3])
@pytest.mark.parametrize("dark", [True, False])
def test_pitch_and_rows_are_found_in_light_and_dark(scale: int, dark: bool) -> None:
    ink, _ = find_ink(picture_of(CODE, scale, dark))
    mask = grid.mask_of(ink)
    rows = grid.find_rows(mask)
    assert rows is not None
    columns = grid.find_columns(mask, rows.height)
    assert columns is not None
    assert rows.height == pytest.approx(15 * scale, abs=0.3)
    assert columns.pitch == pytest.approx(6 * scale, rel=0.01)
    assert (columns.phase - 9 * scale) % columns.pitch == pytest.approx(0, abs=0.25 * columns.pitch) or (
        columns.phase - 9 * scale
    ) % columns.pitch == pytest.approx(columns.pitch, abs=0.25 * columns.pitch)


def test_selected_text_is_separated_from_its_own_background() -> None:
    picture = picture_of(CODE, 2, dark=True)
    picture[20:50] = np.where((picture[20:50] == (0x28, 0x24, 0x20)).all(2)[:, :, None], (120, 80, 40), picture[20:50])
    ink, background = find_ink(picture.astype(np.uint8))
    assert tuple(background[35, 600]) == (120, 80, 40)
    assert ink[35, 600] == 0


def test_bars_are_cut_off_and_a_highlighted_line_is_not() -> None:
    background = np.full((400, 600, 3), 30, np.uint8)
    background[:28] = 60
    background[380:] = 120
    background[200:222] = 45
    screen = split(background, np.ones((400, 600), np.uint8))
    assert screen.panes == ((0, 28, 600, 380),)
    assert [bar[1] for bar in screen.bars] == [0, 380]


def rows_of(*texts: str) -> list[Row]:
    found = []
    for line, text in enumerate(texts):
        if text.strip():
            start = len(text) - len(text.lstrip())
            found.append(Row(text.strip(), start, (1.0,) * len(text.strip()), line, (0, 0, 1, 1)))
    return found


def test_line_numbers_are_told_by_a_vote_although_one_is_misread() -> None:
    gutter = find_gutter(rows_of(" 8 def a():", " g     x = 1", "10     y", "11", "12 def b():"))
    assert gutter is not None
    assert (gutter.first, gutter.stop) == (8, 2)


def test_numbers_that_do_not_count_up_are_code() -> None:
    assert find_gutter(rows_of("1 a", "1 b", "5 c", "2 d")) is None


def test_margin_is_the_leftmost_line_unless_all_are_indented() -> None:
    assert margin(rows_of("    a", "      b"), None) == 4
    assert margin(rows_of("   def a", "       b"), 1.3) == 3
    assert margin(rows_of("       a", "           b"), 1.3) == 3


def test_dropped_character_does_not_shift_the_row() -> None:
    seen = [Glyph("a", 1, 5), Glyph("=", 1, 25), Glyph("b", 1, 55)]
    placed = align.place(seen, [True, False, True, True, False, True], 10)
    assert [glyph.text if glyph else "" for glyph in placed] == ["a", "", "=", "", "", "b"]


def test_invented_character_is_left_out() -> None:
    seen = [Glyph("a", 1, 5), Glyph("x", 1, 11), Glyph("b", 1, 15)]
    assert [glyph.text if glyph else "" for glyph in align.place(seen, [True, True], 10)] == ["a", "b"]


def ruler(*readings: str) -> tuple[list[glyphs.Cell], NDArray[np.float32]]:
    """A row of equal signs of which the recogniser read `readings`; empty: not seen."""
    ink = np.zeros((20, 10 * len(readings)), np.float32)
    ink[8:10] = ink[13:15] = 1
    cells = [
        glyphs.Cell(0, column, Glyph(text, 0.9, 0) if text else None, column * 10.0, 0, 20)
        for column, text in enumerate(readings)
    ]
    return cells, ink


def test_same_shape_is_the_same_character() -> None:
    cells, ink = ruler("=", "=", "", "=", "-", "", "=", "=", "=", "ニ", "=", "=", "=", "=")
    assert [glyph.text if glyph else "" for glyph in glyphs.agree(cells, ink, 10)] == ["="] * 14


def test_what_is_read_with_certainty_is_not_outvoted() -> None:
    cells, ink = ruler(*"=" * 10)
    cells[4] = glyphs.Cell(0, 4, Glyph("-", 0.99, 0), 40.0, 0, 20)
    assert [glyph.text if glyph else "" for glyph in glyphs.agree(cells, ink, 10)][4] == "-"


def test_joined_sign_is_spelled_as_code_has_it() -> None:
    ink = np.zeros((20, 20), np.float32)
    ink[6:14, 3:17] = 1
    cells = [glyphs.Cell(0, 0, Glyph("≠", 0.9, 0), 0.0, 0, 20), glyphs.Cell(0, 1, None, 10.0, 0, 20)]
    assert [glyph.text if glyph else "" for glyph in glyphs.agree(cells, ink, 10)] == ["!", "="]


@pytest.mark.parametrize(("read", "meant"), [("（", "("), ("₀", "0"), ("中", "中"), ("’", "'"), ("…", "…")])
def test_signs_of_other_scripts_become_those_of_code(read: str, meant: str) -> None:
    assert glyphs.plain(read) == meant
