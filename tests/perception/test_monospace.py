"""Rows, columns, line numbers and repeated shapes of monospaced text."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pytest
from numpy.typing import NDArray

from mmcore.config import PerceptionSettings
from mmcore.perception import align, cells, glyphs, grid, guides, lexis, monospace
from mmcore.perception.grid import Columns
from mmcore.perception.gutter import count_up, margin
from mmcore.perception.ink import find_ink
from mmcore.perception.monospace import Row, look
from mmcore.perception.ocr import Glyph
from mmcore.perception.pane import BLAME
from mmcore.perception.pipeline import read
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


def test_rows_are_found_where_every_other_line_is_empty_or_has_only_marks() -> None:
    lines = [
        "lib/cart.rb:19: undefined method",
        "",
        "    items.sum { |item| price }",
        " " * 20 + "^^^^^",
        "  from bin/shop",
    ]
    ink, _ = find_ink(picture_of(lines, 2, dark=True))
    rows = grid.find_rows(grid.mask_of(ink))
    assert rows is not None
    assert rows.height == pytest.approx(30, abs=0.3)


def test_rows_are_found_where_most_stand_on_every_other_line() -> None:
    lines = [
        "> test",
        "> check",
        "src/index.ts: error in type",
        "",
        "14  total = parse(input);",
        "    ~~~~~",
        "Found",
        ">",
    ]

    def is_written_between(lines: list[str]) -> bool:
        ink, _ = find_ink(picture_of(lines, 1, dark=True))
        profile = grid.mask_of(ink).sum(1, dtype=np.float64)
        drop = np.clip(profile - np.append(profile[1:], 0), 0, None)
        return grid._is_written_between(profile, drop, (30.0, float(np.flatnonzero(drop)[-1] % 30)), 6.0)

    assert is_written_between(lines)
    assert not is_written_between([line for text in lines for line in (text, "")])


def test_a_ruler_of_slashes_does_not_tell_how_wide_letters_are() -> None:
    mask = np.zeros((60, 400), np.uint8)
    for number, left in enumerate(range(0, 400, 10)):
        mask[40:52, left : left + 5 + number % 4] = 1
    mask[8:20, ::4] = 1
    assert 5 <= grid._letter_width(mask) <= 8


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
    assert count_up(rows_of(" 8", " g", "10", "11", "12")) == (8, range(5))
    assert count_up(rows_of("298", "259", "260", "261", "262")) == (258, range(5))
    assert count_up(rows_of("741", "259", "260", "261", "2")) == (258, range(1, 4))


def test_numbers_that_do_not_count_up_are_code() -> None:
    assert count_up(rows_of("1 a", "1 b", "5 c", "2 d")) is None


def test_margin_is_the_leftmost_line_unless_all_are_indented() -> None:
    assert margin(rows_of("   def a", "       b"), 1.3) == 3
    assert margin(rows_of("       a", "           b"), 1.3) == 3
    assert margin(rows_of("     a", "         b"), 1.3, guides=[1]) == 1


@pytest.mark.parametrize("nested", ['"a": 1,', "return x;", "self.x = 1", "},"])
def test_what_stands_inside_something_is_indented_though_nothing_in_view_is_less(nested: str) -> None:
    assert margin(rows_of(f"     {nested}", "       b"), 1.3) == 3
    assert margin(rows_of(f"   {nested}", "     b"), 1.3) == 3, "no room for a step"


def test_a_highlighted_line_below_the_tabs_is_the_first_line_and_no_bar() -> None:
    numbered = [f"{number:>2}  {line}" for number, line in enumerate(CODE * 2, 20)]
    pixels = picture_of(numbered, 2, dark=True)
    surface = pixels[0, 0].copy()
    for start, stop, colour in ((0, 18, (90, 90, 90)), (18, 46, (60, 56, 52))):
        band = pixels[start:stop]
        band[(band == surface).all(2)] = colour
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels[:, :, ::-1]).save(buffer, "PNG")
    reading = read(buffer.getvalue(), PerceptionSettings())
    assert reading.text.splitlines() == CODE * 2
    assert [region.first_line for region in reading.regions if region.kind == "code"] == [20]


def test_lines_of_a_comment_that_began_above_stand_one_further_right() -> None:
    assert margin(rows_of("    * a", "    *   b", "    */"), 1.3) == 3
    assert margin(rows_of("    * a", "    b", "    */"), 1.3) == 4
    assert margin(rows_of("    **a", "    **b"), 1.3) == 4


def test_a_column_that_is_nearly_empty_within_the_code_does_not_end_the_line_numbers() -> None:
    code = ["fn sums():", *["    total = total + item"] * 11, "}"]
    numbered = [f"{number:>3} {line}" for number, line in enumerate(code, 590)]
    buffer = io.BytesIO()
    PIL.Image.fromarray(picture_of(numbered, 2, dark=True)[:, :, ::-1]).save(buffer, "PNG")
    reading = read(buffer.getvalue(), PerceptionSettings())
    assert reading.text.splitlines() == code


def test_dropped_character_does_not_shift_the_row() -> None:
    seen = [Glyph("a", 1, 5), Glyph("=", 1, 25), Glyph("b", 1, 55)]
    placed = align.place(seen, [True, False, True, True, False, True], 10)
    assert [glyph.text if glyph else "" for glyph in placed] == ["a", "", "=", "", "", "b"]


def test_invented_character_is_left_out() -> None:
    seen = [Glyph("a", 1, 5), Glyph("x", 1, 11), Glyph("b", 1, 15)]
    assert [glyph.text if glyph else "" for glyph in align.place(seen, [True, True], 10)] == ["a", "b"]


def shares(**likely: float) -> NDArray[np.float32]:
    """Probabilities of one cell."""
    row = np.full(len(cells.CHARACTERS), 1e-4, np.float32)
    for name, share in likely.items():
        row[cells.CHARACTERS.index(name)] = share
    return row / row.sum()


def test_cells_that_look_alike_hold_the_same_character() -> None:
    chance = np.random.default_rng(2)
    shape, other = chance.random((2, cells.HEIGHT, cells.CELL + 2 * cells.RIM)).astype(np.float32)
    pictures = np.stack([shape, shape, shape, other])
    said = np.stack([shares(l=0.9, I=0.1), shares(l=0.8, I=0.2), shares(I=0.6, l=0.4), shares(I=0.6, l=0.4)])
    agreed = glyphs.agree(pictures, said)
    assert [cells.CHARACTERS[index] for index in agreed.argmax(1)] == ["l", "l", "l", "I"]


def typed(text: str, score: float = 0.99, **doubts: tuple[str, float]) -> list[Glyph | None]:
    """A row that was read as `text`; `doubts` are what else a character may be."""
    row: list[Glyph | None] = []
    for x, character in enumerate(text):
        other = doubts.get(character)
        row.append(
            None if character == " " else Glyph(character, 0.6 if other else score, x, (other,) if other else ())
        )
    return row


def text_of(row: list[Glyph | None]) -> str:
    return "".join(glyph.text if glyph else " " for glyph in row)


def test_of_look_alikes_the_one_that_makes_a_word_is_chosen() -> None:
    assert text_of(lexis.settle([typed("Iist", I=("l", 0.3))])[0]) == "list"
    assert text_of(lexis.settle([typed("tota1_price", **{"1": ("l", 0.2)})], {"total_price"})[0]) == "total_price"
    assert text_of(lexis.settle([typed("row8"), typed("rowB", B=("8", 0.2))])[1]) == "row8"


def test_alone_a_letter_that_looks_like_a_digit_may_well_be_one() -> None:
    assert text_of(lexis.settle([typed("exit l", l=("1", 0.3))])[0]) == "exit 1"
    assert text_of(lexis.settle([typed("curl -O", O=("0", 0.1))])[0]) == "curl -O"
    assert text_of(lexis.settle([typed("row2 rowl", l=("1", 0.1))])[0]) == "row2 row1"


def test_a_sign_alone_at_the_beginning_may_well_be_a_prompt() -> None:
    assert text_of(lexis.settle([typed("> ls", **{">": ("❯", 0.2)})])[0]) == "❯ ls"
    assert text_of(lexis.settle([typed(">ls", **{">": ("❯", 0.2)})])[0]) == ">ls"
    assert text_of(lexis.settle([typed("> ls", **{">": ("❯", 0.01)})])[0]) == "> ls"
    assert text_of(lexis.settle([typed(" > ls", **{">": ("❯", 0.2)})])[0]) == " ❯ ls"
    assert text_of(lexis.settle([typed("a > b", **{">": ("❯", 0.2)})])[0]) == "a > b"
    assert text_of(lexis.settle([typed("a > b", **{">": ("›", 0.2)})])[0]) == "a › b"


def test_quotation_marks_come_in_pairs() -> None:
    def read(text: str, **doubts: tuple[str, float]) -> str:
        return text_of(lexis.settle([typed(text, **doubts)])[0])

    assert read("in ‘main':", **{"'": ("’", 0.1)}) == "in ‘main’:"
    assert read("in ‘main':") == "in ‘main':"
    assert read("‘int', ‘char'", **{"'": ("’", 0.1)}) == "‘int’, ‘char’"
    assert read("‘don't", **{"'": ("’", 0.1)}) == "‘don’t"
    assert read("'ap1`", **{"'": ("`", 0.1)}) == "`ap1`"
    assert read("``foo'", **{"'": ("`", 0.1)}) == "``foo'"


def test_an_o_is_no_digit_of_a_code() -> None:
    assert text_of(lexis.settle([typed("error[EO502]", O=("0", 0.2))])[0]) == "error[E0502]"
    assert text_of(lexis.settle([typed("ISO8859", O=("0", 0.2))])[0]) == "ISO8859"


def test_nothing_is_chosen_that_the_picture_does_not_support() -> None:
    assert text_of(lexis.settle([typed("Iist")])[0]) == "Iist"
    assert text_of(lexis.settle([typed("Iist", I=("J", 0.02))])[0]) == "Iist"
    assert text_of(lexis.settle([typed("Iist", I=("l", 0.001))])[0]) == "Iist"


def test_joined_sign_is_spelled_as_code_has_it() -> None:
    row = [Glyph("a", 0.9, 0), None, Glyph("≠", 0.9, 2), Glyph(cells.WIDE, 0.9, 3), None, Glyph("b", 0.9, 5)]
    assert text_of(lexis.apart(row)) == "a != b"
    assert text_of(lexis.apart(typed("0×FF"))) == "0xFF"


def test_upright_line_is_a_bar_unless_lines_are_drawn() -> None:
    assert [text_of(row) for row in lexis.settle([typed("a │ b")])] == ["a | b"]
    assert [text_of(row) for row in lexis.settle([typed("┌──"), typed("│ b"), typed("└──")])] == ["┌──", "│ b", "└──"]


def test_line_behind_indented_code_is_no_sign() -> None:
    ink = np.zeros((120, 200), np.float32)
    ink[:, 40] = 0.1
    ink[:, 65] = 0.8
    ink[30:44, 100:102] = 1.0
    found = guides.find_guides(ink, row_height=20)
    assert [(guide.left, guide.right) for guide in found] == [(40, 41), (65, 66)]
    # In the middle of a cell stands what was written: `│` on several lines.
    kept = guides.drawn(found, grid.Columns(10.0, 0.0, 0.0))
    assert [guide.left for guide in kept] == [40]
    assert guides.without(ink, kept)[:, 40].sum() == 0


def test_line_under_a_word_is_no_sign_and_underscores_are() -> None:
    mask = np.zeros((60, 200), np.uint8)
    mask[10:20, 20:60:3] = 1
    mask[23, 20:60] = 1
    mask[23, 100:140] = 1
    assert [(line.left, line.right) for line in guides.find_underlines(mask, [20, 45], 10.0)] == [(20, 60)]


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("    return x    Jane Doe, 3 months ago • Fix parser", "    return x"),
        ("x = 1      You, yesterday • Uncommitted changes", "x = 1"),
        ("x = 1 \\    Jane Doe, 3 mont", "x = 1 \\"),
        ("print('a, 3 days ago')", "print('a, 3 days ago')"),
    ],
)
def test_blame_is_no_code(line: str, kept: str) -> None:
    assert BLAME.sub("", line) == kept


@pytest.mark.parametrize(("read", "meant"), [("（", "("), ("₀", "0"), ("中", "中"), ("’", "'"), ("…", "…")])
def test_signs_of_other_scripts_become_those_of_code(read: str, meant: str) -> None:
    assert glyphs.plain(read) == meant


@pytest.mark.parametrize("dark", [True, False])
def test_code_is_read_exactly_with_its_indentation_and_line_numbers(dark: bool) -> None:
    code = [*CODE[:3], "        price += item[0] * 1.5", *CODE[4:]]
    numbered = [f"{number:>3}  {line}" for number, line in enumerate(code, 98)]
    large = picture_of(numbered, 2, dark)
    buffer = io.BytesIO()
    PIL.Image.fromarray(large[:, :, ::-1]).save(buffer, "PNG")
    reading = read(buffer.getvalue(), PerceptionSettings())
    assert reading.kind == "editor"
    assert reading.text.splitlines() == code
    assert [region.first_line for region in reading.regions if region.kind == "code"] == [98]


def test_a_dot_in_the_middle_of_a_wide_row_is_a_full_stop() -> None:
    heard = [Glyph(sign, 1.0, 10 * place) for place, sign in enumerate("读取a·b，c·取")]
    assert "".join(glyph.text for glyph in monospace._spaced(heard, 10)).replace(" ", "") == "读取a.b，c·取"


def test_no_space_is_seen_beside_the_ink_of_a_full_width_comma() -> None:
    heard = [Glyph("价", 1.0, 10), Glyph("，", 1.0, 24), Glyph("包", 1.0, 50), Glyph("括", 1.0, 70)]
    assert "".join(glyph.text for glyph in monospace._spaced(heard, 10)) == "价，包括"


def test_what_stands_alone_in_its_cell_is_no_ideograph() -> None:
    columns = grid.Columns(10.0, 0.0, 0.3)
    seen = [Glyph("#", 0.99, 5), None, Glyph("x", 0.99, 25), Glyph(cells.WIDE, 0.99, 35), Glyph(cells.WIDE, 0.99, 45)]
    assert monospace._narrow(Glyph("非", 0.9, 5), seen, columns).text == "#"
    assert monospace._narrow(Glyph("非", 0.9, 35), seen, columns).text == "非"
    assert monospace._narrow(Glyph("a", 0.9, 5), seen, columns).text == "a"
    assert monospace._narrow(Glyph("文", 0.9, 5), [Glyph(cells.OTHER, 0.99, 5)], columns).text == "文"


def test_nothing_is_seen_where_nothing_is_written() -> None:
    assert look(np.zeros((20, 40), np.float32), [], Columns(8.0, 0.0, 0.1)) == []


def test_letters_of_one_shape_are_told_by_their_height() -> None:
    """An `o` as high as `H` and one as high as `n`, of which the network says the contrary."""
    pictures = np.zeros((4, cells.HEIGHT, cells.CELL + 2 * cells.RIM), np.float32)
    for picture, top in zip(pictures, (12, 8, 8, 12), strict=True):
        picture[top : cells.BASELINE, 6:14] = 1
    probabilities = np.zeros((4, len(cells.CHARACTERS)), np.float32)
    for cell, (seen, share) in enumerate([("n", 1.0), ("H", 1.0), ("o", 0.8), ("O", 0.8)]):
        probabilities[cell, glyphs.INDEX[seen]] = share
        probabilities[cell, glyphs.INDEX[seen.swapcase()]] = 1 - share
    sized = glyphs.sized(pictures, probabilities, np.zeros(4, np.int64))
    assert [cells.CHARACTERS[index] for index in sized.argmax(1)] == ["n", "H", "O", "o"]
