"""Show places as people count them: lines and columns from 1, columns in characters."""

from __future__ import annotations

import sys

import typer

from mmcore import config
from mmcore.types import Location, Position, Range


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
