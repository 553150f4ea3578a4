"""From the bytes of a picture to its `Reading`."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from mmcore.config import PerceptionSettings
from mmcore.perception import grid, kinds, render, screen, terminal
from mmcore.perception.diagram.read import read_diagram
from mmcore.perception.image import open_picture
from mmcore.perception.ink import Ink, Pixels, find_ink
from mmcore.perception.page import read_page, read_strips
from mmcore.perception.pane import Pane, read_pane
from mmcore.types import Line, Reading, Region

# Larger pictures are read smaller: four screens of 2 megapixels, and 300 MB of working memory.
MOST_PIXELS = 8_000_000
# Pixels between a bar and a pane below it.
ADJACENT = 4
# Pixels of line numbers and the marks beside them.
WIDEST_GUTTER = 130

Box = tuple[int, int, int, int]


def read(data: bytes, settings: PerceptionSettings, names: Collection[str] = ()) -> Reading:
    """`names` that the picture may well show settle letters that look alike. Raises ImageError."""
    picture = open_picture(data, settings)
    # The models were trained on BGR, as OpenCV reads it.
    pixels: Pixels = np.ascontiguousarray(np.asarray(picture)[:, :, ::-1])
    factor = max(1.0, (pixels.shape[0] * pixels.shape[1] / MOST_PIXELS) ** 0.5)
    if factor > 1:
        size = (max(1, round(picture.width / factor)), max(1, round(picture.height / factor)))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    ink, background = find_ink(pixels)
    mask = grid.mask_of(ink)
    parts = screen.split(background, mask)
    mask = grid.without_rules(mask)
    panes = _read_panes(pixels, ink, mask, parts, names)
    # A window is full of boxes and lines too, but no drawing has a column of numbers that count up.
    numbered = any(pane is not None and pane.first_line is not None for _, pane in panes)
    drawing = None if numbered else _read_drawing(pixels)
    reading = drawing or _read_screen(pixels, mask, parts, panes) or read_page(pixels, mask)
    return replace(_enlarged(reading, factor), size=picture.size, sha256=hashlib.sha256(data).hexdigest())


def _enlarged(reading: Reading, factor: float) -> Reading:
    """All boxes in pixels of the original picture."""
    if factor == 1:
        return reading

    def box(value: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        left, top, right, bottom = (round(edge * factor) for edge in value)
        return left, top, right, bottom

    diagram = reading.diagram
    if diagram:
        diagram = replace(diagram, nodes=tuple(replace(node, box=box(node.box)) for node in diagram.nodes))
    lines = tuple(replace(line, box=box(line.box)) for line in reading.lines)
    regions = tuple(replace(region, box=box(region.box)) for region in reading.regions)
    return replace(reading, lines=lines, regions=regions, diagram=diagram)


def _read_drawing(picture: Pixels) -> Reading | None:
    diagram = read_diagram(picture)
    if diagram is None:
        return None
    lines = tuple(Line(node.text, node.box, 1.0) for node in diagram.nodes)
    size = (picture.shape[1], picture.shape[0])
    return Reading("diagram", render.to_mermaid(diagram), lines, size, diagram=diagram)


def _read_panes(
    picture: Pixels, ink: Ink, mask: NDArray[np.uint8], parts: screen.Screen, names: Collection[str]
) -> list[tuple[Box, Pane | None]]:
    """Every pane and what it holds, its first line too where that is highlighted as a bar is."""
    read = list(_split_panes(picture, ink, mask, parts, names))
    for index, (box, shaded, pane) in enumerate(read):
        bar = next((bar for bar in parts.bars if pane and _is_line(bar, box, pane)), None)
        if pane and pane.first_line and bar:
            higher = (box[0], bar[1], *box[2:])
            again = read_pane(picture, ink, mask, higher, names, shaded)
            if again and again.first_line and again.first_line < pane.first_line:
                read[index] = higher, shaded, again
    return [(box, pane) for box, _, pane in read]


def _read_screen(
    picture: Pixels, mask: NDArray[np.uint8], parts: screen.Screen, read: Sequence[tuple[Box, Pane | None]]
) -> Reading | None:
    """An editor or a terminal; None when the picture is not one of monospaced text."""
    panes = [(box, pane) for box, pane in read if pane is not None]
    if not panes:
        return None
    others = [box for box, pane in read if pane is None] + list(parts.bars)
    bars = read_strips(picture, mask, others)
    main = max(panes, key=lambda entry: len(entry[1].text))
    text = "\n\n".join(pane.text for _, pane in panes)
    kind = kinds.guess(text, main[1].first_line is not None)
    bars_read = [Region("title" if line.box[3] <= main[0][1] + 2 else "status", line.text, line.box) for line in bars]
    language = next(filter(None, (render.language_of(bar.text) for bar in bars_read if bar.kind == "title")), "")
    regions = bars_read + [region for box, pane in panes for region in _regions(pane, box, kind, language)]
    lines = [line for _, pane in panes for line in pane.lines] + list(bars)
    lines.sort(key=lambda line: (line.box[1], line.box[0]))
    return Reading(kind, text, tuple(lines), (picture.shape[1], picture.shape[0]), regions=tuple(regions))


def _split_panes(
    picture: Pixels, ink: Ink, mask: NDArray[np.uint8], parts: screen.Screen, names: Collection[str]
) -> Iterator[tuple[Box, int, Pane | None]]:
    """Every pane, how much of it is a shaded column of line numbers, and what it holds."""
    narrow: list[Box] = []
    for box in parts.panes:
        left = narrow[0][0] if narrow else box[0]
        if box[2] - left <= WIDEST_GUTTER:
            narrow.append(box)
            continue
        whole, shaded = (left, *box[1:]), box[0] - left
        pane = read_pane(picture, ink, mask, whole, names, shaded) if narrow else None
        if pane is not None:
            yield whole, shaded, pane
        else:
            yield from ((one, 0, read_pane(picture, ink, mask, one, names, 0, parts.bars)) for one in (*narrow, box))
        narrow = []
    yield from ((one, 0, read_pane(picture, ink, mask, one, names, 0, parts.bars)) for one in narrow)


def _is_line(bar: Box, box: Box, pane: Pane) -> bool:
    """Whether the bar on top of a pane may be its first line, highlighted: it is as high as the others."""
    apart = [low.box[1] - high.box[1] for high, low in pairwise(pane.lines)]
    return abs(bar[3] - box[1]) <= ADJACENT and bool(apart) and abs(bar[3] - bar[1] - min(apart)) <= 0.2 * min(apart)


def _regions(pane: Pane, box: tuple[int, int, int, int], kind: str, language: str) -> list[Region]:
    """The pane as a whole; of a terminal also its commands and their outputs."""
    if pane.first_line is not None or kind == "editor":
        return [Region("code", pane.text, box, pane.first_line, language)]
    written = [text for text in pane.text.splitlines() if text.strip()]
    lines = [replace(line, text=text) for line, text in zip(pane.lines, written, strict=True)]
    return [Region("terminal", pane.text, box), *terminal.split(lines)]
