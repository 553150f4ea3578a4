"""`sidesight read`: print what a picture says."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from mmcore import config
from mmcore.perception.reader import Reader
from mmcore.types import Reading


def read(
    image: Annotated[Path, typer.Argument(help="A picture: PNG, JPEG, WebP, GIF or BMP.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print kind, text, lines with boxes, and size.")] = False,
) -> None:
    """Read the text in a picture, with its layout.

    Example: sidesight read screenshot.png --json | jq -r .kind
    """
    settings, problems = config.load()
    for problem in problems:
        typer.echo(problem, err=True)
    reading = asyncio.run(_read(image, settings.perception))
    typer.echo(json.dumps(to_json(reading), ensure_ascii=False) if as_json else reading.text)


async def _read(image: Path, settings: config.PerceptionSettings) -> Reading:
    reader = Reader(settings)
    try:
        return await reader.read(image)
    finally:
        await reader.close()


def to_json(reading: Reading) -> dict[str, object]:
    lines = [{"text": line.text, "box": line.box, "score": line.score} for line in reading.lines]
    return {"kind": reading.kind, "text": reading.text, "lines": lines, "size": reading.size}
