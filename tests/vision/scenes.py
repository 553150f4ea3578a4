"""Simple pictures of coloured shapes, with questions about them and the right answers."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import PIL.Image
import PIL.ImageDraw

SIDE = 32
COLOURS = {
    "red": (215, 40, 40),
    "green": (30, 150, 60),
    "blue": (40, 70, 210),
    "yellow": (240, 200, 30),
    "black": (20, 20, 20),
    "purple": (150, 50, 170),
}
SHAPES = ("circle", "square", "triangle")
PLACES = ("top left", "top right", "bottom left", "bottom right")
NUMBERS = ("none", "one", "two", "three")


@dataclass(frozen=True)
class Shape:
    kind: str
    colour: str
    place: str


@dataclass(frozen=True)
class Scene:
    """At most one shape of a kind, of a colour and in a corner, so that a question has one answer."""

    shapes: tuple[Shape, ...]

    @property
    def held_out(self) -> bool:
        """One arrangement in ten is never trained on, wherever its shapes exactly lie."""
        return zlib.crc32(repr(sorted(map(repr, self.shapes))).encode()) % 10 == 0


def scenes(seed: int, held_out: bool) -> Iterator[tuple[Scene, PIL.Image.Image]]:
    """Without end."""
    draw = random.Random(seed)
    while True:
        count = draw.randint(1, len(SHAPES))
        kinds, colours, places = (draw.sample(list(every), count) for every in (SHAPES, COLOURS, PLACES))
        scene = Scene(tuple(map(Shape, kinds, colours, places)))
        if scene.held_out == held_out:
            yield scene, picture(scene, draw)


def picture(scene: Scene, draw: random.Random) -> PIL.Image.Image:
    grey = draw.randint(225, 255)
    image = PIL.Image.new("RGB", (SIDE, SIDE), (grey, grey, grey))
    pen = PIL.ImageDraw.Draw(image)
    for shape in scene.shapes:
        size = draw.randint(9, 12)
        row, column = divmod(PLACES.index(shape.place), 2)
        room = SIDE // 2 - size
        left = column * SIDE // 2 + draw.randint(1, room - 1)
        top = row * SIDE // 2 + draw.randint(1, room - 1)
        box = (left, top, left + size, top + size)
        fill = COLOURS[shape.colour]
        if shape.kind == "circle":
            pen.ellipse(box, fill)
        elif shape.kind == "square":
            pen.rectangle(box, fill)
        else:
            pen.polygon([(left, top + size), (left + size / 2, top), (left + size, top + size)], fill)
    return image


def questions(scene: Scene) -> list[tuple[str, str]]:
    """Every question that the scene has an answer to, with that answer."""
    pairs = [("How many shapes are there?", NUMBERS[len(scene.shapes)])]
    for shape in scene.shapes:
        pairs += [
            (f"What colour is the {shape.kind}?", shape.colour),
            (f"Which shape is {shape.colour}?", shape.kind),
            (f"Where is the {shape.kind}?", shape.place),
        ]
    kinds = {shape.kind for shape in scene.shapes}
    pairs += [(f"Is there a {kind}?", "yes" if kind in kinds else "no") for kind in SHAPES]
    return pairs
