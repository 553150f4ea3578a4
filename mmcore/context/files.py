"""The workspace's own files: what `.gitignore` and `.sidesightignore` ignore is left out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from pathspec import GitIgnoreSpec

IGNORE_FILES = (".gitignore", ".sidesightignore")
# Never the user's own code, whether a file says so or not.
_FOREIGN = frozenset(
    (".git", ".hg", ".jj", ".svn", ".tox", ".venv", "__pycache__", "node_modules", "site-packages", "venv")
)


def walk(root: Path) -> Iterator[Path]:
    """Every file below `root` that is not ignored, in a stable order; symbolic links are not followed.

    Patterns count from the folder of the file they stand in, and a nearer file wins, as in git.
    """
    yield from _walk(root, [])


def is_ignored(path: Path, root: Path) -> bool:
    """Whether `walk(root)` leaves out `path`, a file below `root`."""
    specs: list[tuple[Path, GitIgnoreSpec]] = []
    folder = root
    for part in path.relative_to(root).parts:
        specs = [*specs, *_specs_in(folder)]
        folder = folder / part
        if part in _FOREIGN or _ignored(folder, folder != path, specs):
            return True
    return False


def _walk(folder: Path, specs: list[tuple[Path, GitIgnoreSpec]]) -> Iterator[Path]:
    specs = [*specs, *_specs_in(folder)]
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return  # not ours to read
    for entry in entries:
        path = Path(entry.path)
        is_folder = entry.is_dir(follow_symlinks=False)
        if entry.name in _FOREIGN or _ignored(path, is_folder, specs):
            continue
        if is_folder:
            yield from _walk(path, specs)
        elif entry.is_file(follow_symlinks=False):
            yield path


def _specs_in(folder: Path) -> Iterator[tuple[Path, GitIgnoreSpec]]:
    for name in IGNORE_FILES:
        try:
            lines = (folder / name).read_text("utf-8", "replace").splitlines()
        except OSError:
            continue
        yield folder, GitIgnoreSpec.from_lines(lines)


def _ignored(path: Path, is_folder: bool, specs: list[tuple[Path, GitIgnoreSpec]]) -> bool:
    for base, spec in reversed(specs):
        inside = path.relative_to(base).as_posix() + ("/" if is_folder else "")
        verdict = spec.check_file(inside).include
        if verdict is not None:
            return verdict
    return False
