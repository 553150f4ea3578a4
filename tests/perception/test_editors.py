"""What editors and terminals draw besides code: shades, marks, cursors, dots, maps, bars."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pytest
from numpy.typing import NDArray

from mmcore.config import PerceptionSettings
from mmcore.perception import pipeline
from mmcore.perception.grid import Columns, without_rules
from mmcore.perception.guides import find_borders, find_cursors, find_guides, find_specks
from mmcore.perception.gutter import is_on_grid, margin, without_marks
from mmcore.perception.highlight import lift
from mmcore.perception.ink import find_ink
from mmcore.perception.monospace import Row, Slot
from mmcore.perception.pane import _is_cursor, _without_noise
from mmcore.perception.pipeline import read
from mmcore.perception.screen import split
from mmcore.types import Reading

INSIDE = ["    price = total(item)", "    if price > limit:", "        limit = price", "    cart.append(item)"] * 3
WIDTH, HEIGHT = 6, 15  # of a cell, before it is enlarged
SCALE = 2
PAPER, SHADE, INK, FAINT = (253, 252, 248), (232, 232, 230), (32, 32, 32), (205, 205, 200)


class Window:
    """Code in Pillow's bitmap font, column 0 at `left`, the first line at `top`."""

    def __init__(self, lines: list[str], left: int = 8, top: int = 8, width: int = 360) -> None:
        self.picture = PIL.Image.new("RGB", (width, 2 * top + HEIGHT * len(lines)), PAPER)
        self.pen = PIL.ImageDraw.Draw(self.picture)
        self.left, self.top, self.lines = left, top, lines

    def write(self) -> Window:
        for number, line in enumerate(self.lines):
            self.text(line, self.left, number)
        return self

    def text(self, text: str, x: int, row: int) -> None:
        self.pen.text((x, self.top + HEIGHT * row), text, INK, font=PIL.ImageFont.load_default_imagefont())

    def numbers(self, first: int, shade_to: int = 0) -> Window:
        if shade_to:
            self.pen.rectangle((0, 0, shade_to - 1, self.picture.height), SHADE)
        for row in range(len(self.lines)):
            self.text(f"{first + row:>3}", 2, row)
        return self

    def pixels(self) -> NDArray[np.uint8]:
        size = (self.picture.width * SCALE, self.picture.height * SCALE)
        return np.array(self.picture.resize(size, PIL.Image.Resampling.NEAREST))

    def read(self, pixels: NDArray[np.uint8] | None = None) -> Reading:
        buffer = io.BytesIO()
        PIL.Image.fromarray(self.pixels() if pixels is None else pixels).save(buffer, "PNG")
        return read(buffer.getvalue(), PerceptionSettings())


def test_text_that_begins_at_the_rim_keeps_its_first_letters() -> None:
    lines = ["$ make all", "cc -c main.c", "cc -o app main.o", "$ ./app --help", "usage: app [options] file", "$ exit"]
    assert Window(lines, left=0).write().read().text.splitlines() == lines


def test_a_shaded_column_of_numbers_tells_the_margin() -> None:
    reading = Window(INSIDE, left=28).numbers(41, shade_to=24).write().read()
    assert reading.text.splitlines() == INSIDE
    assert [region.first_line for region in reading.regions if region.kind == "code"] == [41]


def test_a_text_cursor_in_the_indentation_is_no_code() -> None:
    window = Window(INSIDE, left=28).numbers(41, shade_to=24).write()
    pixels = window.pixels()
    top = SCALE * (window.top + 3 * HEIGHT - 2)
    pixels[top : top + SCALE * HEIGHT, SCALE * window.left : SCALE * window.left + 2] = INK
    assert window.read(pixels).text.splitlines() == INSIDE


def test_faint_dots_for_spaces_are_spaces() -> None:
    window = Window(INSIDE, left=34).numbers(41).write()
    pixels = window.pixels()
    for row, line in enumerate(INSIDE):
        for column in range(len(line) - len(line.lstrip())):
            x, y = window.left + column * WIDTH + 2, window.top + row * HEIGHT + 5
            pixels[SCALE * y : SCALE * y + 2, SCALE * x + 1 : SCALE * x + 3] = FAINT
    assert window.read(pixels).text.splitlines() == INSIDE


def test_a_minimap_is_no_code() -> None:
    window = Window(INSIDE, left=34, width=420).numbers(41).write()
    pixels = window.pixels()
    chance = np.random.default_rng(1)
    for y in range(4, pixels.shape[0] - 4, 3):
        letters = chance.random(60) < 0.6
        pixels[y : y + 1, -80:-20][:, letters] = (120, 120, 140)
    assert window.read(pixels).text.splitlines() == INSIDE


def test_a_strong_bar_above_the_last_line_is_no_highlighted_line() -> None:
    background = np.full((400, 600, 3), 250, np.uint8)
    background[360:378] = (160, 90, 40)
    found = split(background, np.ones((400, 600), np.uint8))
    assert found.panes == ((0, 0, 600, 360),)
    background[360:378] = (230, 235, 240)
    assert split(background, np.ones((400, 600), np.uint8)).panes == ((0, 0, 600, 400),)


def row(text: str, line: int, *, sure: float = 1.0) -> Row:
    start = len(text) - len(text.lstrip())
    text = text.strip()
    return Row(text, start, (sure, *(1.0,) * (len(text) - 1)), line, (0, 0, 1, 1))


def test_marks_beside_the_numbers_are_no_code() -> None:
    rows = [row("   v  if a:", 0), row("        b", 1), row("      c", 2)]
    assert [(found.text, found.start) for found in without_marks(rows, 1.3)] == [("if a:", 6), ("b", 8), ("c", 6)]
    rows = [row("   - one", 0), row("     more", 1), row("   - two", 2)]
    assert without_marks(rows, 1.3) == rows, "a list"
    assert [found.text for found in without_marks([row(" _x = 1", 0), row("  y = 2", 1)], 1.3)] == ["x = 1", "y = 2"]


def test_the_first_line_of_indentation_is_the_margin_where_it_may_be() -> None:
    rows = [row("          a", 0), row("              b", 1)]
    assert margin(rows, 1.3, guides=[4, 8]) == 4
    assert margin(rows, 1.3, guides=[8]) == 2, "too far from the numbers"
    assert margin([row("    a", 0), row("      b", 1)], 1.3, shaded=True) == 2
    assert margin([row("          a", 0), row("              b", 1)], 6.2, guides=[10, 14]) == 10
    assert margin([row("          a", 0), row("              b", 1)], 2.5, guides=[8, 12]) == 4, "as far apart"
    assert margin([row("        a", 0), row("            b", 1)], 4.3, guides=[10, 14]) == 6, "right of what is written"
    assert margin([row("        a", 0), row("          b", 1)], 7.2, guides=[58, 65]) == 8, (
        "these mark the longest lines"
    )


def test_guides_that_are_drawn_row_by_row_are_no_code() -> None:
    window = Window(INSIDE, left=34).numbers(41).write()
    pixels = window.pixels()
    for row, line in enumerate(INSIDE):
        if line.startswith(" " * 8):
            continue
        for column in (0, 2):
            x, y = SCALE * (window.left + column * WIDTH) - 3, SCALE * (window.top + row * HEIGHT)
            pixels[y : y + 20, x : x + 1] = FAINT
    assert window.read(pixels).text.splitlines() == INSIDE


def test_what_is_marked_at_the_right_rim_is_no_code() -> None:
    window = Window(INSIDE, left=34).numbers(41).write()
    pixels = window.pixels()
    pixels[:, -20:-19] = (225, 224, 220)
    pixels[40:52, -18:] = pixels[150:153, -18:] = INK
    assert window.read(pixels).text.splitlines() == INSIDE


def test_numbers_on_the_grid_of_the_code_tell_the_margin() -> None:
    digits = np.zeros((100, 40), np.uint8)
    for y in range(5, 95, 16):
        digits[y : y + 10, 9:15] = digits[y : y + 10, 17:23] = 1
    assert is_on_grid(digits, Columns(8.0, 0.0, 0.1))
    assert not is_on_grid(digits, Columns(8.0, 3.0, 0.1)), "a browser puts them anywhere"
    assert not is_on_grid(digits, Columns(8.4, 0.0, 0.1)), "nor are its cells of whole pixels"
    inside = [row("          a", 0), row("              b", 1)]
    assert (margin(inside, 7.3), margin(inside, 7.3, on_one_grid=True)) == (10, 8)
    assert margin(inside, 7.3, guides=[10], on_one_grid=True) == 10
    outside = ["import os", "import sys", "from pathlib import Path", "", "class Cart:", "    def total(self):"]
    rows = [row(" " * 10 + line, number) for number, line in enumerate(outside) if line]
    assert margin(rows, 7.3, on_one_grid=True) == 10, "stands inside nothing"


def test_a_block_cursor_that_touches_the_frame_is_no_part_of_it() -> None:
    mask = np.zeros((200, 300), np.uint8)
    mask[2:4, 2:298] = mask[196:198, 2:298] = mask[2:198, 2:4] = mask[2:198, 296:298] = 1
    mask[4:18, 4:10] = mask[30:38, 20:200:8] = 1
    kept = without_rules(mask)
    assert kept[4:18, 4:10].all()
    assert not kept[:4].any()
    assert not kept[:, :4].any()
    assert not kept[20:, 296:].any()


def test_a_letter_that_reaches_both_sides_of_a_block_cursor_is_read() -> None:
    picture = np.zeros((15, 12, 3), np.uint8)
    picture[:14, :6] = 230
    picture[4:10:2, :6] = picture[4:10, 0] = picture[4:10, 5] = 10
    ink, _ = find_ink(np.pad(picture, ((10, 10), (10, 10), (0, 0))))
    slot = Slot(0, 12, 0, 15, (True, False))
    lifted = lift(picture, ink[10:-10, 10:-10], [slot], Columns(6.0, 0.0, 0.1))
    assert (lifted[4:10:2, :6] > 0.5).all()
    assert not lifted[:4].any()
    assert not lifted[10:].any()


def test_brackets_below_each_other_are_no_cursors() -> None:
    columns = Columns(10.0, 0.0, 0.1)
    mask = np.zeros((40, 60), np.uint8)
    mask[5:25, 20:22] = 1
    assert [(bar.left, bar.right) for bar in find_cursors(mask, columns, 20)] == [(20, 22)]
    mask[5:7, 20:25] = mask[23:25, 20:25] = 1
    assert not find_cursors(mask, columns, 20)


def test_faint_lines_of_two_shades_are_no_border() -> None:
    ink = np.zeros((20, 100), np.float32)
    ink[5, :50], ink[9, :30], ink[9, 30:60] = 1.0, 0.05, 0.2
    assert not find_borders(ink)


def test_what_letters_close_in_below_a_bar_is_no_ink() -> None:
    picture = np.full((60, 80, 3), 40, np.uint8)
    picture[:20] = 240
    picture[22:40, 20:22] = picture[22:40, 24:26] = 200
    ink, background = find_ink(picture)
    assert not ink[20:40, 22:24].any()
    assert (background[22:40, 20] == 40).all()


def test_a_line_that_writing_touches_is_taken_from_it() -> None:
    mask = np.zeros((60, 200), np.uint8)
    mask[20:30, 10:190:8] = 1
    mask[29, 5:180] = 1
    kept = without_rules(mask)
    assert kept[20:29, 10:190:8].all()
    assert not kept[29, 5:180].any()


def test_the_band_with_most_writing_is_the_pane() -> None:
    background = np.full((400, 600, 3), 250, np.uint8)
    background[150:168] = (160, 90, 40)
    mask = np.zeros((400, 600), np.uint8)
    mask[10:140:3, 20:300] = 1
    assert split(background, mask).panes == ((0, 0, 600, 150),)


def test_a_text_cursor_left_of_all_code_tells_the_margin() -> None:
    inside = [line[2:] for line in INSIDE]
    window = Window(inside, left=34).numbers(41).write()
    pixels = window.pixels()
    top = SCALE * (window.top + 3 * HEIGHT - 2)
    pixels[top : top + SCALE * HEIGHT, SCALE * window.left - 1 : SCALE * window.left + 1] = INK
    assert window.read(pixels).text.splitlines() == inside


def test_of_what_stands_at_the_shade_of_the_numbers_only_marks_are_taken() -> None:
    mask = np.zeros((40, 60), np.uint8)
    mask[4:14, 20:22] = mask[20:30, 20:26] = 1
    assert [(speck.top, speck.right) for speck in find_specks(mask, 23)] == [(4, 22)]


def test_a_faint_border_of_the_line_of_the_cursor_is_no_code() -> None:
    window = Window(INSIDE, left=34).numbers(41).write()
    pixels = window.pixels()
    for row in (3, 4):
        y = SCALE * (window.top + row * HEIGHT) - 1
        pixels[y : y + 1, SCALE * 180 :] = (228, 228, 224)
    assert window.read(pixels).text.splitlines() == INSIDE


def test_where_no_lines_are_drawn_code_with_steps_begins_near_its_numbers() -> None:
    steps = [row("      a", 0), row("        b", 1)]
    assert margin(steps, 2.3) == 4
    assert margin([row("      import os", 0), row("      class Cart:", 1), row("        pass", 2)], 2.3) == 6
    assert margin([row("      a", 0), row("      b", 1)], 2.3) == 6
    assert margin(steps, 2.3, guides=[6]) == 6
    assert margin([row("      a", 0)], 3.9, shaded=True) == 4, "a longer step would end among the numbers"


def test_a_block_cursor_left_of_all_code_tells_the_margin_without_numbers() -> None:
    window = Window(["", *INSIDE]).write()
    window.pen.rectangle((window.left, window.top, window.left + WIDTH - 1, window.top + HEIGHT - 2), INK)
    assert window.read().text.splitlines() == INSIDE
    numbered = Window(["", *INSIDE], left=40).numbers(41).write()
    numbered.pen.rectangle((40, numbered.top, 40 + WIDTH - 1, numbered.top + HEIGHT - 2), INK)
    assert numbered.read().text.splitlines() == INSIDE


def test_a_bar_on_the_same_grid_tells_the_margin() -> None:
    def read_with(left: int) -> list[str]:
        window = Window([*INSIDE, ""]).write()
        y = window.top + HEIGHT * len(INSIDE) - 1
        window.pen.rectangle((0, y, window.picture.width, window.picture.height), INK)
        font = PIL.ImageFont.load_default_imagefont()
        window.pen.text((left, y + 2), "/srv/shop/prices.py", PAPER, font=font)
        return window.read().text.splitlines()

    assert read_with(8) == INSIDE
    assert read_with(11) == [line.removeprefix("    ") for line in INSIDE], "a grid of its own"


def test_lines_of_indentation_tell_the_margin_without_numbers() -> None:
    window = Window(INSIDE).write()
    window.pen.line((window.left, 0, window.left, window.picture.height), FAINT)
    assert window.read().text.splitlines() == INSIDE


def test_a_bar_that_marks_changed_lines_is_no_cursor() -> None:
    window = Window(INSIDE, left=14).write()
    window.pen.line((2, window.top + HEIGHT, 2, window.top + 2 * HEIGHT), INK)
    assert window.read().text.splitlines() == [line.removeprefix("    ") for line in INSIDE]


def test_the_letter_in_a_frame_of_a_cursor_is_read() -> None:
    window = Window(INSIDE, left=40).numbers(41).write()
    x = window.left + 4 * WIDTH
    pixels = window.pixels()
    left, top, right, bottom = (SCALE * side for side in (x, window.top, x + WIDTH, window.top + HEIGHT))
    pixels[top : bottom - 2, [left, right - 1]] = pixels[[top, bottom - 3], left:right] = (30, 90, 200)
    assert window.read(pixels).text.splitlines() == INSIDE


def test_what_is_like_no_writing_far_right_of_it_is_none() -> None:
    sure, unsure = (0.99,) * 5, (0.6, 0.3, 0.7)
    noisy = Row("a = b" + " " * 9 + "~░_", 4, sure + (1.0,) * 9 + unsure, 0, (0, 0, 1, 1))
    assert _without_noise(noisy) == Row("a = b", 4, sure, 0, (0, 0, 1, 1))
    comment = Row("a = b" + " " * 9 + "# c", 4, sure + (1.0,) * 12, 0, (0, 0, 1, 1))
    assert _without_noise(comment) == comment
    feet = Row("a = b" + " " * 9 + "_  _", 4, sure + (1.0,) * 13, 0, (0, 0, 1, 1))
    assert _without_noise(feet) == _without_noise(noisy), "the tops of brackets in the next row"


def test_a_prompt_alone_is_no_cursor() -> None:
    assert not _is_cursor(Row("❯", 0, (0.6,), 0, (0, 0, 1, 1)))
    assert _is_cursor(Row("D", 0, (0.6,), 0, (0, 0, 1, 1)))
    assert _is_cursor(Row("█", 0, (1.0,), 0, (0, 0, 1, 1)))


def test_the_edge_of_a_window_is_not_where_a_bar_begins() -> None:
    window = Window([*INSIDE, ""]).write()
    y = window.top + HEIGHT * len(INSIDE) - 1
    window.pen.rectangle((0, y, window.picture.width, window.picture.height), INK)
    window.pen.rectangle((0, y + 5, 0, y + 9), PAPER)
    window.pen.text((8, y + 2), "/srv/shop/prices.py", PAPER, font=PIL.ImageFont.load_default_imagefont())
    assert window.read().text.splitlines() == INSIDE


def test_pieces_of_lines_of_indentation_that_touch_are_pieces() -> None:
    ink = np.zeros((160, 200), np.float32)
    ink[21:40, 40] = ink[41:60, 40] = ink[81:100, 40] = ink[121:140, 80] = 0.1
    ink[5:15, 100:140] = 1.0
    found = {(guide.left, guide.top, guide.bottom) for guide in find_guides(ink, row_height=20)}
    assert found == {(40, 21, 60), (40, 81, 100), (80, 121, 140)}


def test_a_cell_of_a_minimap_is_no_cursor() -> None:
    window = Window([*INSIDE, *INSIDE], width=420).write()
    for y in range(window.top, window.picture.height - window.top, 2):
        window.pen.line((360, y, 360 + 5 + y * 7 % 40, y), (120, 120, 120))
    x = window.left + 60 * WIDTH
    window.pen.rectangle((x, window.top, x + WIDTH - 1, window.top + HEIGHT - 2), (200, 90, 30))
    assert window.read().text.splitlines() == [line.removeprefix("    ") for line in [*INSIDE, *INSIDE]]


def test_a_window_with_boxes_and_numbered_code_is_no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    drawing = Reading("diagram", "flowchart TD", (), (1, 1))
    monkeypatch.setattr(pipeline, "_read_drawing", lambda picture: drawing)
    assert Window(INSIDE, left=28).numbers(41).write().read().kind == "editor"
    assert Window(INSIDE).write().read().kind == "diagram"
