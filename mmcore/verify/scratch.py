"""A throw-away copy of a workspace with the change laid over it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath

from mmcore.errors import DocumentError

MAX_FILES = 20_000
MAX_FILE_BYTES = 8_000_000
MAX_TOTAL_BYTES = 300_000_000
# Never copied where git does not say what belongs to the project.
SKIPPED = frozenset(
    {".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", "target", "dist", "build", ".tox", ".nox"}
    | {".mypy_cache", ".ruff_cache", ".pytest_cache", ".idea", ".cache"}
)


@contextmanager
def scratch_copy(root: Path, changes: Mapping[Path, str]) -> Iterator[Path]:
    """Copy what belongs to `root` and write `changes` (absolute paths inside it) over the copy.

    Links that point outside `root` are left out, and so are files beyond the limits above: a check that misses one
    says so itself by failing on both sides. Raises DocumentError for a change outside `root`.
    """
    root = root.resolve()
    with tempfile.TemporaryDirectory(prefix="sidesight-", ignore_cleanup_errors=True) as name:
        copy = Path(name).resolve() / "workspace"
        copy.mkdir()
        total = 0
        for relative in _belonging(root):
            total += _copy(root, copy, relative, MAX_TOTAL_BYTES - total)
        for path, text in changes.items():
            write_over(copy, inside(root, path), text)
        yield copy


def inside(root: Path, path: Path) -> PurePath:
    """`path` relative to `root`; raises DocumentError where it leads out."""
    try:
        return (path if path.is_absolute() else root / path).resolve().relative_to(root.resolve())
    except ValueError:
        raise DocumentError(f"{path} is outside the workspace {root}; open the folder that holds it") from None


def write_over(copy: Path, relative: PurePath, text: str) -> None:
    """Write `text` at `relative`, following no link: what ran in the copy before may have planted one.

    Raises DocumentError where the folder now leads out of the copy.
    """
    target = copy / relative
    if not target.parent.resolve().is_relative_to(copy.resolve()):
        raise DocumentError(f"{relative} in the scratch copy leads out of it; the code that ran there planted a link")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.write_bytes(text.encode("utf-8", "surrogatepass"))


def read_back(copy: Path, relative: PurePath, most: int = MAX_FILE_BYTES) -> str:
    """What a program left at `relative`; "" for nothing, for a link, and for more than `most` bytes."""
    source = copy / relative
    if source.is_symlink() or not source.resolve().is_relative_to(copy.resolve()) or not source.is_file():
        return ""
    return source.read_text("utf-8", "replace") if source.stat().st_size <= most else ""


def _belonging(root: Path) -> Iterator[PurePath]:
    for count, relative in enumerate(_tracked(root) or _walked(root)):
        if count >= MAX_FILES:
            return
        yield relative


def _tracked(root: Path) -> list[PurePath]:
    """What git tracks or would add. A repository's own configuration may name programs to run: none is used."""
    quiet = ["-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}", "-c", f"safe.directory={root}"]
    command = ["git", *quiet, "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, cwd=root, capture_output=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [PurePath(os.fsdecode(name)) for name in listed.stdout.split(b"\0") if name]


def _walked(root: Path) -> Iterator[PurePath]:
    for directory, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in SKIPPED]
        here = Path(directory).relative_to(root)
        yield from (here / name for name in [*files, *(f for f in folders if (Path(directory) / f).is_symlink())])


def _copy(root: Path, copy: Path, relative: PurePath, room: int) -> int:
    """Copy one entry; returns the bytes that it took."""
    source, target = root / relative, copy / relative
    try:
        if not source.parent.resolve().is_relative_to(root):
            return 0
        if source.is_symlink():
            # Judged by its spelling: a link that leaves the workspace and comes back would not come back in the copy.
            link = source.readlink()
            if not link.is_absolute() and not os.path.normpath(relative.parent / link).startswith(os.pardir):
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(link)
            return 0
        if not source.is_file() or (size := source.stat().st_size) > min(MAX_FILE_BYTES, room):
            return 0
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        shutil.copymode(source, target)
    except OSError:
        return 0  # it vanished, or is not ours to read: the checks run on what can be read
    return size
