"""Take pictures as people name them, show places as they count them: from 1, columns in characters."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from mmcore import config
from mmcore.perception.clipboard import read_clipboard
from mmcore.perception.source import decode_data_uri
from mmcore.types import Location, Position, Range


def picture(text: str) -> Path | bytes:
    """The picture that an argument names: a path, `clipboard:` or a data URI. Raises ImageError."""
    if text == "clipboard:":
        return read_clipboard()
    return decode_data_uri(text) if text.startswith("data:") else Path(text)


def position_json(position: Position) -> dict[str, int]:
    return {"line": position.line + 1, "column": position.column + 1}


def range_json(span: Range) -> dict[str, dict[str, int]]:
    """`end` is the first position that is not in the range."""
    return {"start": position_json(span.start), "end": position_json(span.end)}


def location_json(location: Location) -> dict[str, object]:
    return {"path": str(location.path), "range": range_json(location.range)}


def settings_or_complaints() -> config.Settings:
    """The settings in force; a line on standard error for each value that is ignored."""
    settings, problems = config.load()
    for problem in problems:
        typer.echo(f"sidesight: {problem}", err=True)
    return settings


def say_status(message: str) -> None:
    """What the engine is doing, for someone who watches; a script reads errors there and nothing else."""
    if sys.stderr.isatty():
        typer.echo(message, err=True)
