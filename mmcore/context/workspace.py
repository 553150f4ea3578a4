"""Find the workspace that a path belongs to, when no editor says."""

from __future__ import annotations

from pathlib import Path

_MARKERS = (".git", ".hg", ".svn", ".jj")


def workspace_root(start: Path) -> Path:
    """The nearest folder at or above `start` under version control, else `start` itself (a file's folder)."""
    start = start.resolve()
    folder = start if start.is_dir() else start.parent
    return next(
        (above for above in (folder, *folder.parents) if any((above / name).exists() for name in _MARKERS)), folder
    )
