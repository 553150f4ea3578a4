"""What a pull tells its caller while it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """`step` is a short phrase that changes seldom; `done` of `total` bytes, `total` 0 where it is not known."""

    step: str
    done: int = 0
    total: int = 0


OnProgress = Callable[[Progress], None]


def quiet(progress: Progress) -> None:
    """For callers who do not care."""


def human(size: int) -> str:
    """`size` bytes in the unit that package indexes and hubs show: 1 MB is 1,000,000 bytes."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} bytes"
