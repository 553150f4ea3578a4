"""Find in the workspace the places that an error output names, and never anything outside it.

The path that was printed need not exist here: it may come from a container, another machine, Windows, or a reader that
took `_` for a space. So the longest suffix that a file of the workspace shares with it decides.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath

from mmcore.types import Frame, Location, Position, Range

# Not the user's own code; never searched.
FOREIGN = frozenset(
    """node_modules site-packages dist-packages .venv venv .git .hg .svn __pycache__ .tox .nox .mypy_cache .ruff_cache
    .pytest_cache target vendor .cargo .rustup .idea .cache bower_components .gradle""".split()  # noqa: SIM905
)
# A walk that is not over by then is of a tree too large to be looked through while someone waits.
MOST_FILES = 50_000
LARGEST_FILE = 4_000_000
# What a reader takes for one another, and what file systems do not distinguish.
LOOKALIKES = str.maketrans("lI|1oO0 -_", "iiiiooo___")


def ground(frames: Iterable[Frame], roots: Sequence[Path]) -> tuple[Location, ...]:
    """The places that exist in `roots`, the best first: in the order of the frames, each file and line once.

    Frames of installed packages are left out. Where several files fit a frame equally well, all are given, those whose
    text agrees with the frame first.
    """
    own = [frame for frame in frames if not _is_foreign(frame.path)]
    wanted = {_key(parts[-1]) for frame in own if (parts := _parts(frame.path))}
    index = _index(roots, wanted)
    found: dict[tuple[Path, int], Location] = {}
    for frame in own:
        for location in _locate(frame, index):
            found.setdefault((location.path, location.range.start.line), location)
    return tuple(found.values())


def _locate(frame: Frame, index: dict[str, list[Path]]) -> list[Location]:
    parts = _parts(frame.path)
    if not parts:
        return []
    ranked: list[tuple[int, int, int, str, Location]] = []
    for path in index.get(_key(parts[-1]), ()):
        location, agreement = _location(path, frame)
        if location is not None:
            shared, exact = _shared_suffix(parts, path.parts)
            ranked.append((-shared, -exact, -agreement, path.as_posix(), location))
    if not ranked:
        return []
    ranked.sort(key=lambda entry: entry[:4])
    best = ranked[0][0]
    return [location for shared, _, _, _, location in ranked if shared == best]


def _location(path: Path, frame: Frame) -> tuple[Location | None, int]:
    """The frame's line in this file (without indentation), and whether the file agrees with the frame."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            return None, 0
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return None, 0
    if frame.line > len(lines):
        # The file is older or newer than the picture: its end is still the right file.
        at = Position(max(0, len(lines) - 1), 0)
        return Location(path, Range(at, at)), -1
    text = lines[frame.line - 1]
    start = len(text) - len(text.lstrip())
    if frame.column is not None and frame.column <= len(text):
        start = frame.column - 1
    name = frame.function.rsplit(".", 1)[-1]
    agreement = int(bool(name) and any(name in line for line in lines[: frame.line]))
    end = max(start, len(text.rstrip()))
    return Location(path, Range(Position(frame.line - 1, start), Position(frame.line - 1, end))), agreement


def _index(roots: Sequence[Path], wanted: set[str]) -> dict[str, list[Path]]:
    """Files with a wanted name, by how that looks. A symbolic link counts only where it stays inside the roots."""
    resolved = [root.resolve() for root in roots]
    index: dict[str, list[Path]] = {}
    seen: set[Path] = set()
    for path in islice((path for root in roots for path in _walk(root)), MOST_FILES):
        key = _key(path.name)
        if key not in wanted:
            continue
        real = path.resolve()
        if real not in seen and any(real.is_relative_to(inside) for inside in resolved):
            seen.add(real)
            index.setdefault(key, []).append(path)
    return index


def _walk(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in FOREIGN)
        for name in sorted(files):
            yield Path(folder, name)


def _parts(path: str) -> tuple[str, ...]:
    path = path.removeprefix("file://").replace("\\", "/").replace("//", "/")
    return tuple(part for part in PurePosixPath(path).parts if part not in ("/", ".", "..", "~"))


def _shared_suffix(printed: Sequence[str], actual: Sequence[str]) -> tuple[int, int]:
    """How many last parts look the same, and how many of them are the same."""
    shared = exact = 0
    for one, other in zip(reversed(printed), reversed(actual), strict=False):
        if _key(one) != _key(other):
            break
        shared += 1
        exact += one == other
    return shared, exact


def _key(name: str) -> str:
    return name.casefold().translate(LOOKALIKES)


def _is_foreign(path: str) -> bool:
    parts = _parts(path)
    return any(part in FOREIGN for part in parts) or path.startswith("<") or "/lib/python3" in path.replace("\\", "/")
