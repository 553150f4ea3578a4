"""From the bytes of a picture to its `Reading`."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from mmcore.config import PerceptionSettings
from mmcore.perception import grid, kinds, screen
from mmcore.perception.image import open_picture
from mmcore.perception.ink import Ink, Pixels, find_ink
from mmcore.perception.page import read_page, read_strips
from mmcore.perception.pane import Pane, read_pane
from mmcore.types import Reading, Region


def read(data: bytes, settings: PerceptionSettings) -> Reading:
    """Raises ImageError."""
    picture = open_picture(data, settings)
    # The models were trained on BGR, as OpenCV reads it.
    pixels: Pixels = np.ascontiguousarray(np.asarray(picture)[:, :, ::-1])
    ink, background = find_ink(pixels)
    mask = grid.mask_of(ink)
    parts = screen.split(background, mask)
    mask = grid.without_rules(mask)
    reading = _read_screen(pixels, ink, mask, parts) or read_page(pixels, mask)
    return Reading(
        reading.kind, reading.text, reading.lines, picture.size, hashlib.sha256(data).hexdigest(), reading.regions
    )


def _read_screen(picture: Pixels, ink: Ink, mask: NDArray[np.uint8], parts: screen.Screen) -> Reading | None:
    """An editor or a terminal; None when the picture is not one of monospaced text."""
    read = [(box, read_pane(picture, ink, mask, box)) for box in parts.panes]
    panes = [(box, pane) for box, pane in read if pane is not None]
    if not panes:
        return None
    others = [box for box, pane in read if pane is None] + list(parts.bars)
    bars = read_strips(picture, mask, others)
    main = max(panes, key=lambda entry: len(entry[1].text))
    text = "\n\n".join(pane.text for _, pane in panes)
    kind = kinds.guess(text)
    regions = [_region(pane, box, kind) for box, pane in panes]
    top = main[0][1]
    regions += [Region("title" if line.box[3] <= top + 2 else "status", line.text, line.box) for line in bars]
    lines = [line for _, pane in panes for line in pane.lines] + list(bars)
    lines.sort(key=lambda line: (line.box[1], line.box[0]))
    return Reading(kind, text, tuple(lines), (picture.shape[1], picture.shape[0]), regions=tuple(regions))


def _region(pane: Pane, box: tuple[int, int, int, int], kind: str) -> Region:
    return Region("code" if pane.first_line or kind == "editor" else "terminal", pane.text, box, pane.first_line)
