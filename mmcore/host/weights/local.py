"""The source `path`: a directory that already has the files.

They are used in place. A hard link would fail across file systems, a copy would double a gigabyte, and either would
hide from the user which bytes are in use. The mark that a check leaves in our cache (`cache.remember`) holds the size
and the time of change, so that a file edited later is noticed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mmcore.config import WeightsSettings
from mmcore.errors import DownloadError
from mmcore.host.weights.catalog import File


def obtain(file: File, work: Path, settings: WeightsSettings, on_bytes: Callable[[int], None]) -> Path:
    """The file of that name in `weights.path`. Raises DownloadError where there is none."""
    if not settings.path:
        raise DownloadError("the setting weights.path is empty")
    candidate = Path(settings.path).expanduser() / file.name
    if not candidate.is_file():
        raise DownloadError(f"{candidate} does not exist")
    return candidate.absolute()
