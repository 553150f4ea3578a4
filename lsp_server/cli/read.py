"""`sidesight read`: print what a picture says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from lsp_server.cli.output import location_json, picture
from mmcore import config, whereabouts
from mmcore.context.vocabulary import words_of
from mmcore.errors import DocumentError, ImageError
from mmcore.perception import render
from mmcore.perception.reader import Reader
from mmcore.types import Reading
from mmcore.whereabouts import Whereabouts, describe


def read(
    image: Annotated[
        str,
        typer.Argument(
            metavar="IMAGE",
            help="A picture: PNG, JPEG, WebP, GIF or BMP; `clipboard:`, or a base64 data: URI.",
            show_default=False,
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print kind, text, lines with boxes, size, regions.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the parts: code, forms, diagrams.")] = False,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Print a diagram as mermaid.")] = False,
    overlay: Annotated[
        Path | None, typer.Option("--overlay", help="Draw what was found on the picture.", show_default=False)
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(help="A folder with the code: say which places in it the picture names, and which lines differ."),
    ] = None,
) -> None:
    """Read the text in a picture, with its layout.

    Example: sidesight read screenshot.png --json | jq -r .kind

    Example: sidesight read screenshot.png --root .
    """
    if root is not None and not root.is_dir():
        raise DocumentError(f"{root} is not a folder: give the one that holds the code")
    settings, problems = config.load()
    for problem in problems:
        typer.echo(problem, err=True)
    reading, drawn = asyncio.run(_read(picture(image), settings.perception, overlay is not None, root))
    if overlay is not None:
        try:
            overlay.write_bytes(drawn)
        except OSError as error:
            raise ImageError(f"{overlay} cannot be written: {error.strerror or error}") from error
    roots = () if root is None else (root.resolve(),)
    places = whereabouts.find([reading], roots)
    if as_json:
        more = {} if root is None else _places_json(places)
        typer.echo(json.dumps(render.to_json(reading) | more, ensure_ascii=False))
    elif mermaid:
        if reading.diagram is None:
            raise ImageError(f"{image} shows no diagram that could be read: try it without --mermaid")
        typer.echo(render.to_mermaid(reading.diagram))
    else:
        typer.echo(render.to_markdown(reading) if markdown else reading.text)
    if not as_json:
        for line in _places(places, roots):
            typer.echo(line)


def _places(places: Whereabouts, roots: tuple[Path, ...]) -> Iterator[str]:
    if roots and (places.locations or places.frames):
        yield ""
    for location in places.locations:
        yield f"→ {location.path}:{location.range.start.line + 1}"
    for alignment in places.alignments:
        yield from (f"≠ {line}" if alignment.differences else f"= {line}" for line in describe(alignment, roots))
    if roots and places.frames and not places.locations:
        yield f"(none of the {len(places.frames)} places that it names is in {roots[0]})"


def _places_json(places: Whereabouts) -> dict[str, object]:
    return {
        "locations": [location_json(location) for location in places.locations],
        "differences": [
            {"path": str(one.path), "line": each.line + 1, "file": each.there, "picture": each.shown}
            for one in places.alignments
            for each in one.differences
        ],
    }


async def _read(
    image: Path | bytes, settings: config.PerceptionSettings, draw: bool, root: Path | None
) -> tuple[Reading, bytes]:
    reader = Reader(settings)
    try:
        reading = await reader.read(image, words_of([root]) if root else ())
        return reading, await reader.overlay(image, reading) if draw else b""
    finally:
        await reader.close()
