"""Find in the workspace the places that an error output names, and never anything outside it.

The path that was printed need not exist here: it may come from a container, another machine, Windows, or a reader that
took `_` for a space. So the longest suffix that a file of the workspace shares with it decides. The number may be
misread and the file may have changed since: the line of code that is printed with it says which line is meant.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePosixPath

from mmcore.context.files import is_ignored
from mmcore.types import Frame, Location, Position, Range

# Not the user's own code; never searched.
FOREIGN = frozenset(
    """node_modules site-packages dist-packages .venv venv .git .hg .svn __pycache__ .tox .nox .mypy_cache .ruff_cache
    .pytest_cache .cargo .rustup .idea .cache bower_components .gradle""".split()  # noqa: SIM905
)
INSTALLED = ("site-packages", "dist-packages")
# Others' code or a build's in some workspaces, the user's own in others: given last.
DOUBTFUL = frozenset(("target", "vendor", "third_party"))
# A walk that is not over by then is of a tree too large to be looked through while someone waits.
MOST_FILES = 50_000
LARGEST_FILE = 4_000_000
# What a reader takes for one another, and what file systems do not distinguish.
LOOKALIKES = str.maketrans("lI|1oO0 -_", "iiiiooo___")
# A line of code this much like the printed one is the same line, read with slips; a shorter one tells nothing.
ALIKE = 0.85
TELLING = 6
# The printed line of code stands where the frame says.
CERTAIN = 2


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A file of the workspace with a wanted name. `path` is where it was found, perhaps by a symbolic link.

    `depth` is how many parts it has below the root. `guessed`: its name only resembles the printed one, so that its
    text must agree.
    """

    path: Path
    real: Path
    ours: bool
    depth: int
    guessed: bool = False


def ground(frames: Iterable[Frame], roots: Sequence[Path]) -> tuple[Location, ...]:
    """The places that exist in `roots`, the best first: in the order of the frames, each file and line once."""
    return tuple(location for location, _ in ground_each(frames, roots))


def ground_each(frames: Iterable[Frame], roots: Sequence[Path]) -> tuple[tuple[Location, Frame], ...]:
    """The places, each with the frame that led to it.

    Frames of installed packages are left out. Where several files fit a frame equally well, all are given: those whose
    text agrees with the frame first, those that git ignores last. What is not the user's own code comes behind it.
    """
    own = [(frame, parts) for frame in frames if (parts := _printed(frame))]
    index = _index(roots, {_key(parts[-1]) for _, parts in own})
    found: dict[tuple[Path, int], tuple[Location, Frame, bool]] = {}
    for frame, parts in own:
        for candidate, location in _locate(frame, parts, [*index.get(_key(parts[-1]), ()), *_named(parts, roots)]):
            ours = candidate.ours and DOUBTFUL.isdisjoint(parts)
            found.setdefault((location.path, location.range.start.line), (location, frame, ours))
    ranked = sorted(found.values(), key=lambda entry: not entry[2])
    return tuple((location, frame) for location, frame, _ in ranked)


def users_own(frames: Sequence[Frame]) -> tuple[Frame, ...]:
    """The frames without those of installed packages and of the language's own library."""
    return tuple(frame for frame in frames if _printed(frame) and not _is_installed(frame.path))


def named(names: Sequence[str], roots: Sequence[Path]) -> tuple[Path, ...]:
    """The files of the workspace that have one of these names, those that git ignores last."""
    index = _index(roots, {_key(name) for name in names})
    found = [candidate for candidates in index.values() for candidate in candidates]
    return tuple(candidate.path for candidate in sorted(found, key=lambda one: (one.guessed, not one.ours)))


def _locate(
    frame: Frame, parts: Sequence[str], candidates: Iterable[_Candidate]
) -> Iterator[tuple[_Candidate, Location]]:
    ranked: dict[Path, tuple[tuple[int, bool, int, bool, int, str], _Candidate, Location]] = {}
    for candidate in candidates:
        shared, exact = _shared_suffix(parts, candidate.path.parts)
        located = _location(candidate.path, frame)
        if located is None or (_is_installed(frame.path) and shared < max(2, len(parts))):
            continue
        location, agreement = located
        if candidate.guessed and agreement < CERTAIN:
            continue
        # Where the workspace lies, and what its folder is called, differs from machine to machine.
        in_other_folder = shared < candidate.depth
        rank = (-shared, not candidate.ours, -agreement, in_other_folder, -exact, candidate.path.as_posix())
        if candidate.real not in ranked or rank < ranked[candidate.real][0]:
            ranked[candidate.real] = (rank, candidate, location)
    best = sorted(ranked.values(), key=lambda entry: entry[0])
    for rank, candidate, location in best:
        if rank[0] == best[0][0][0]:
            yield candidate, location


def _location(path: Path, frame: Frame) -> tuple[Location, int] | None:
    """The frame's line in this file (without indentation), and how far the file agrees with the frame."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            return None
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return None
    number, agreement = _line(lines, frame)
    if number > len(lines):
        # The file is older or newer than the picture: its end is still the right file.
        at = Position(max(0, len(lines) - 1), 0)
        return Location(path, Range(at, at)), -1
    text = lines[number - 1]
    start = len(text) - len(text.lstrip())
    if frame.column is not None and number == frame.line and frame.column <= len(text):
        start = frame.column - 1
    end = max(start, len(text.rstrip()))
    return Location(path, Range(Position(number - 1, start), Position(number - 1, end))), agreement


def _line(lines: Sequence[str], frame: Frame) -> tuple[int, int]:
    """The number of the line that is meant, and whether the printed code stands there (CERTAIN) or its function (1)."""
    name = re.split(r"[.#:/]", frame.function.partition("(")[0])[-1]
    if not frame.line:
        definition = re.compile(rf"\b(?:def|func|fn|function|fun|sub)\s+{re.escape(name)}\b")
        there = [number for number, line in enumerate(lines, 1) if name and definition.search(line)]
        return (there[0], 1) if there else (1, 0)
    agreement = int(bool(name) and any(name in line for line in lines[: frame.line]))
    printed = squeezed(frame.source)
    if len(printed) < TELLING:
        return frame.line, agreement
    if frame.line <= len(lines) and _alike(printed, lines[frame.line - 1]):
        return frame.line, CERTAIN
    elsewhere = [number for number, line in enumerate(lines, 1) if squeezed(line) == printed]
    if elsewhere:
        return min(elsewhere, key=lambda number: abs(number - frame.line)), CERTAIN
    return frame.line, agreement


def _alike(printed: str, line: str) -> bool:
    other = squeezed(line)
    return printed == other or difflib.SequenceMatcher(None, printed, other, autojunk=False).ratio() >= ALIKE


def squeezed(line: str) -> str:
    """A line of code by how it looks: without its spaces, and what a reader takes for one another made one."""
    return "".join(_key(line).replace("_", "").split())


def _index(roots: Sequence[Path], wanted: set[str]) -> dict[str, list[_Candidate]]:
    """Files with a wanted name, by how that looks. A symbolic link counts only where it stays inside the roots."""
    index: dict[str, list[_Candidate]] = {}
    others: dict[str, list[tuple[Path, Path]]] = {}
    seen: set[Path] = set()
    walked = ((path, root) for root in roots for path in _walk(root))
    for path, above in islice(walked, MOST_FILES if wanted else 0):
        key = _key(path.name)
        if key not in wanted:
            others.setdefault(key, []).append((path, above))
        elif path.resolve() not in seen and (candidate := _candidate(path, above, roots)):
            seen.add(candidate.real)
            index.setdefault(key, []).append(candidate)
    for key in wanted - index.keys():
        # A name that was read with a slip that is none of the usual ones.
        for near in difflib.get_close_matches(key, others, n=2, cutoff=ALIKE):
            found = [_candidate(path, above, roots) for path, above in others[near]]
            index.setdefault(key, []).extend(replace(one, guessed=True) for one in found if one)
    return index


def _named(parts: Sequence[str], roots: Sequence[Path]) -> Iterator[_Candidate]:
    """Files that the end of a printed path leads to from a root, through folders that are symbolic links too."""
    for root in roots:
        for first in range(len(parts) - 1):
            path = root.joinpath(*parts[first:])
            if FOREIGN.isdisjoint(parts[first:]) and path.is_file() and (found := _candidate(path, root, roots)):
                yield found


def _candidate(path: Path, root: Path, roots: Sequence[Path]) -> _Candidate | None:
    real = path.resolve()
    if not any(real.is_relative_to(inside.resolve()) for inside in roots):
        return None
    below = path.relative_to(root)
    ours = DOUBTFUL.isdisjoint(below.parts) and not is_ignored(path, root)
    return _Candidate(path, real, ours, len(below.parts))


def _walk(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in FOREIGN)
        for name in sorted(files):
            yield Path(folder, name)


def _printed(frame: Frame) -> tuple[str, ...]:
    """The parts of a printed path that may exist here; none for code that is not in a workspace.

    Of an installed package, those below its folder: in a container the user's own may be installed.
    """
    parts = _parts(frame.path)
    if _is_foreign(frame):
        return ()
    installed = [place for place, part in enumerate(parts) if part in INSTALLED]
    if installed:
        return parts[installed[-1] + 1 :]
    if len(parts) == 1 and frame.path.endswith((".java", ".kt", ".scala", ".groovy")):
        # A JVM names the file alone, and the package before the class and the method.
        package = frame.function.rpartition("/")[2].split(".")[:-2]
        return (*package, *parts)
    return parts


def _parts(path: str) -> tuple[str, ...]:
    path = path.removeprefix("file://").replace("\\", "/").replace("//", "/")
    return tuple(part for part in PurePosixPath(path).parts if part not in ("/", ".", "..", "~", "…"))


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


def _is_installed(path: str) -> bool:
    return not set(INSTALLED).isdisjoint(_parts(path))


def _is_foreign(frame: Frame) -> bool:
    path = frame.path.replace("\\", "/")
    own_folders = FOREIGN.difference(INSTALLED, (".venv", "venv") if _is_installed(path) else ())
    if not own_folders.isdisjoint(_parts(path)) or path.startswith(("<", "node:")):
        return True
    standard = "/lib/python3" in path and not _is_installed(path)
    return standard or frame.function.startswith(("java.base/", "jdk."))
