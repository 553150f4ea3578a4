"""Terminals, dialogs, charts and photographs are told by what is typical of each."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

from mmcore.config import PerceptionSettings
from mmcore.perception import terminal
from mmcore.perception.chart import has_axis
from mmcore.perception.dialog import describe_dialog
from mmcore.perception.photo import is_photo
from mmcore.perception.pipeline import read
from mmcore.types import Line, Region


def lines_of(*texts: str) -> list[Line]:
    return [Line(text, (8, 20 * row, 8 + 9 * len(text), 20 * row + 16), 1.0) for row, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("typed", "prompt", "command"),
    [
        ("dev@box:~/shop$ pytest -q", "dev@box:~/shop$", "pytest -q"),
        ("[dev@fedora app]$ make", "[dev@fedora app]$", "make"),
        ("root@0c1d:/srv# ls", "root@0c1d:/srv#", "ls"),
        ("$ cargo build", "$", "cargo build"),
        ("❯ npm test", "❯", "npm test"),
        ("➜  app git:(main) ✗ git diff", "➜  app git:(main) ✗", "git diff"),
        (r"PS C:\app> dotnet build", r"PS C:\app>", "dotnet build"),
        (r"C:\Users\dev> dir", r"C:\Users\dev>", "dir"),
        (">>> 1 / 0", ">>>", "1 / 0"),
    ],
)
def test_prompt_is_taken_off_the_command(typed: str, prompt: str, command: str) -> None:
    regions = terminal.split(lines_of(typed, "out", "  more"))
    assert [(r.kind, r.value, r.text) for r in regions] == [("command", prompt, command), ("output", "", "out\n  more")]


def test_output_without_a_prompt_is_not_split() -> None:
    assert terminal.split(lines_of("error: no such file", "# a comment of the compiler", "exit status 1")) != ()
    assert terminal.split(lines_of("error: no such file", "exit status 1")) == ()


def test_dialog_has_title_message_and_buttons() -> None:
    regions = [
        Region("button", "Python Error ×", (20, 20, 460, 56)),
        Region("text", "!", (40, 90, 60, 110)),
        Region("text", "No module named", (80, 80, 300, 98)),
        Region("text", "'yaml'", (80, 100, 140, 118)),
        Region("button", "OK", (390, 150, 450, 184)),
    ]
    assert [(r.kind, r.text) for r in describe_dialog(regions)] == [
        ("title", "Python Error"),
        ("message", "No module named 'yaml'"),
        ("button", "OK"),
    ]


def test_even_numbers_at_even_distances_are_an_axis() -> None:
    ticks = [Line(str(value), (30, 300 - 3 * value, 50, 314 - 3 * value), 1.0) for value in (0, 25, 50, 75)]
    assert has_axis(ticks)
    assert not has_axis([*ticks[:2], Line("49", (30, 150, 50, 164), 1.0)])
    assert not has_axis(lines_of("1 apple", "2 pears", "3 plums"))


def test_picture_without_flat_areas_and_text_is_a_photo() -> None:
    chance = np.random.default_rng(5)
    waves = np.add.outer(np.sin(np.arange(200) / 17), np.cos(np.arange(300) / 23))[:, :, None] * [40, 30, 20] + 120
    photo = (waves + chance.normal(0, 4, waves.shape)).clip(0, 255).astype(np.uint8)
    assert is_photo(photo, [])
    assert not is_photo(np.full((200, 300, 3), 240, np.uint8), [])


def test_bar_chart_is_read_as_one() -> None:
    picture = PIL.Image.new("RGB", (420, 320), "white")
    pen = PIL.ImageDraw.Draw(picture)
    pen.text((210, 20), "Build time", "black", anchor="mm", font_size=20)
    for tick in range(5):
        pen.line((60, 280 - 55 * tick, 400, 280 - 55 * tick), fill="#cccccc")
        pen.text((50, 280 - 55 * tick), str(20 * tick), "black", anchor="rm", font_size=15)
    for index, (name, height) in enumerate((("api", 90), ("web", 170), ("cli", 40))):
        pen.rectangle((90 + 100 * index, 280 - height, 150 + 100 * index, 280), fill="#4c78a8")
        pen.text((120 + 100 * index, 298), name, "black", anchor="mm", font_size=15)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    reading = read(buffer.getvalue(), PerceptionSettings())
    assert reading.kind == "chart"
    assert [region.text for region in reading.regions if region.kind == "title"] == ["Build time"]
