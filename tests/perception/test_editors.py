"""What editors and terminals draw besides code: shades, marks, cursors, dots, maps, bars."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
from numpy.typing import NDArray

from mmcore.config import PerceptionSettings
from mmcore.perception.gutter import margin, without_marks
from mmcore.perception.monospace import Row
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
    assert margin([row("    a", 0), row("      b", 1)], 1.3, widest=2.0) == 2
