"""From the bytes of a picture to its `Reading`."""

from __future__ import annotations

import hashlib

import numpy as np

from mmcore.config import PerceptionSettings
from mmcore.perception import kinds, ocr
from mmcore.perception.image import open_picture
from mmcore.perception.layout import lay_out
from mmcore.types import Line, Reading


def read(data: bytes, settings: PerceptionSettings) -> Reading:
    """Raises ImageError."""
    picture = open_picture(data, settings)
    # The models were trained on BGR, as OpenCV reads it.
    pixels = np.asarray(picture)[:, :, ::-1]
    boxes = ocr.detect(pixels)
    found = ocr.recognise([pixels[top:bottom, left:right] for left, top, right, bottom in boxes])
    pieces = []
    for box, glyphs in zip(boxes, found, strict=True):
        text = "".join(glyph.text for glyph in glyphs).strip()
        if text:
            pieces.append(Line(text, box, round(sum(glyph.score for glyph in glyphs) / len(glyphs), 4)))
    text, lines = lay_out(pieces)
    return Reading(kinds.guess(text), text, lines, picture.size, hashlib.sha256(data).hexdigest())
