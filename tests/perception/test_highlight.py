"""What lies behind single characters is no part of them."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import pytest

from mmcore.config import PerceptionSettings
from mmcore.perception.pipeline import read
from tests.perception.test_monospace import CODE, picture_of

SCALE, PITCH, ROW = 2, 6, 15
Box = tuple[int, int, int, int]


def cell(line: int, column: int) -> Box:
    """Left, top, right and bottom of a character of `picture_of`, with the room that a highlight takes around it."""
    left, top = 9 + PITCH * column, 9 + ROW * line
    return left * SCALE, top * SCALE, (left + PITCH) * SCALE - 1, (top + 13) * SCALE - 1


def fill(picture: PIL.Image.Image, box: Box, dark: bool) -> None:
    """Put another colour behind the letter, whose own colours stay."""
    left, top, right, bottom = box
    part = np.asarray(picture).copy()
    inside = part[top : bottom + 1, left : right + 1]
    inside[(inside == inside[0, 0]).all(2)] = (150, 60, 40) if dark else (255, 190, 120)
    picture.paste(PIL.Image.fromarray(part))


@pytest.mark.parametrize("dark", [True, False])
def test_marked_characters_are_read_as_if_they_were_not(dark: bool) -> None:
    picture = PIL.Image.fromarray(picture_of(CODE, SCALE, dark)[:, :, ::-1])
    for line, column in ((0, 9), (0, 15), (1, 10), (2, 8), (3, 14), (5, 4)):
        fill(picture, cell(line, column), dark)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    assert read(buffer.getvalue(), PerceptionSettings()).text.splitlines() == CODE
