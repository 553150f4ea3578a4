"""`sidesight read`: print what a picture says."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from mmcore import config
from mmcore.errors import ImageError
from mmcore.perception import render
from mmcore.perception.reader import Reader
from mmcore.types import Reading


def read(
    image: Annotated[Path, typer.Argument(help="A picture: PNG, JPEG, WebP, GIF or BMP.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print kind, text, lines with boxes, size, regions.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the parts: code, forms, diagrams.")] = False,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Print a diagram as mermaid.")] = False,
    overlay: Annotated[
        Path | None, typer.Option("--overlay", help="Draw what was found on the picture.", show_default=False)
    ] = None,
) -> None:
    """Read the text in a picture, with its layout.

    Example: sidesight read screenshot.png --json | jq -r .kind
    """
    settings, problems = config.load()
    for problem in problems:
        typer.echo(problem, err=True)
    reading, drawn = asyncio.run(_read(image, settings.perception, overlay is not None))
    if overlay is not None:
        try:
            overlay.write_bytes(drawn)
        except OSError as error:
            raise ImageError(f"{overlay} cannot be written: {error.strerror or error}") from error
    if as_json:
        typer.echo(json.dumps(render.to_json(reading), ensure_ascii=False))
    elif mermaid:
        if reading.diagram is None:
            raise ImageError(f"{image} shows no diagram that could be read: try it without --mermaid")
        typer.echo(render.to_mermaid(reading.diagram))
    else:
        typer.echo(render.to_markdown(reading) if markdown else reading.text)


async def _read(image: Path, settings: config.PerceptionSettings, draw: bool) -> tuple[Reading, bytes]:
    reader = Reader(settings)
    try:
        reading = await reader.read(image)
        return reading, await reader.overlay(image, reading) if draw else b""
    finally:
        await reader.close()
