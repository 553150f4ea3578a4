"""Weights on disk: where each file lies, and the mark which says that its bytes were checked.

    <cache_dir>/models/<model>/<file>               a whole file: it only ever appears by a rename
    <cache_dir>/models/<model>/<file>.verified      the mark: path, size, time of change and sha256 at the check
    <cache_dir>/models/<model>/snapshot-<commit>/   a whole repository of a hub
    <cache_dir>/models/<model>/.partial/            what an interrupted pull goes on from
    <cache_dir>/models/<model>/.lock                held by the pull at work

Hashing a gigabyte takes about a second, which no start of the host should pay; the mark makes the check cheap. It may
name a path outside the cache: files of `weights.path` and of the hub's own cache are used in place.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from mmcore import config
from mmcore.errors import DownloadError, WeightsError
from mmcore.host.weights.catalog import File, Model
from mmcore.host.weights.progress import human

_READ = 1 << 22
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Mark:
    """What a file was when its sha256 was computed; `size` in bytes."""

    path: str
    size: int
    mtime_ns: int
    sha256: str

    def holds(self) -> bool:
        """Whether the file is still that, as far as can be told without reading it."""
        try:
            state = Path(self.path).stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        return (state.st_size, state.st_mtime_ns) == (self.size, self.mtime_ns)


def folder_of(model: Model) -> Path:
    return config.cache_dir() / "models" / model.name


def partial_of(model: Model) -> Path:
    return folder_of(model) / ".partial"


def held(folder: Path) -> int:
    """Bytes in the files of a folder, which need not exist."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def private_folder(path: Path) -> Path:
    """`path`, made with the parents that are missing, all of them for the user alone."""
    # `mkdir(parents=True)` would give the mode to the last one only.
    if not path.parent.exists():
        private_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def digest(path: Path, on_bytes: Callable[[int], None] = lambda read: None) -> str:
    """The sha256 of a file, in hexadecimal digits."""
    checksum = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_READ):
            checksum.update(piece)
            on_bytes(file.tell())
    return checksum.hexdigest()


def settle(partial: Path, final: Path) -> None:
    """Give a checked file its final name, in such an order that a power cut cannot leave the name without the bytes."""
    with partial.open("rb+") as file:
        os.fsync(file.fileno())
    partial.replace(final)
    if os.name == "posix":
        directory = os.open(final.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def remember(model: Model, file: File, path: Path, sha256: str) -> None:
    """Leave the mark that `path` is `file` and has that sha256 now."""
    state = path.stat()
    mark = Mark(str(path), state.st_size, state.st_mtime_ns, sha256)
    replacement = _mark_path(model, file).with_suffix(".new")
    replacement.write_text(json.dumps(asdict(mark)), "utf-8")
    replacement.replace(_mark_path(model, file))


def recall(model: Model, file: File) -> Mark | None:
    """The mark of `file`, unless it was checked against another sha256 than the catalog has today."""
    try:
        mark = Mark(**json.loads(_mark_path(model, file).read_text("utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return mark if file.sha256 in (None, mark.sha256) else None


def forget(model: Model, file: File) -> None:
    _mark_path(model, file).unlink(missing_ok=True)


def _mark_path(model: Model, file: File) -> Path:
    return folder_of(model) / f"{file.name}.verified"


def require_space(work: Path, needed: int) -> None:
    """Raises the OSError of a full disk before the first byte is fetched rather than after the last that fits.

    `needed` bytes are what `work` will hold; what an interrupted pull left there counts towards them.
    """
    if shutil.disk_usage(work).free < needed - held(work):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(work))


@contextmanager
def explained(model: Model) -> Iterator[None]:
    """Turn what the file system refuses into one line that says what to do. Raises WeightsError, DownloadError."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise WeightsError(
                f"{error.filename or folder_of(model)} cannot be used ({error.strerror or error}); mend its"
                " permissions, or set SIDESIGHT_CACHE to a directory of your own"
            ) from error
        missing = sum(file.size or 0 for file in model.file) - held(partial_of(model))
        free = shutil.disk_usage(private_folder(config.cache_dir())).free
        raise DownloadError(
            f"the disk is full: {model.name} needs {human(max(missing, 0))} more, and some room to work, in"
            f" {config.cache_dir()}, where {human(free)} are free; make room there or set SIDESIGHT_CACHE to a"
            " directory on another disk, and pull again"
        ) from error
