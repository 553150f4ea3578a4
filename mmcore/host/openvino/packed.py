"""One file of arrays and an index of them: written array by array, read by mapping it."""

from __future__ import annotations

import json
import mmap
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

# Cache lines, and the vectors that kernels load.
ALIGNMENT = 64


class Writer:
    """Appends to `path`; the index beside it, without which there is nothing to read, comes at a good end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")
        self._index: dict[str, tuple[str, tuple[int, ...], int]] = {}

    def add(self, name: str, array: NDArray[Any]) -> None:
        self._file.write(b"\0" * (-self._file.tell() % ALIGNMENT))
        self._index[name] = (array.dtype.str, array.shape, self._file.tell())
        array.tofile(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._file.close()
        if kind is None:
            _index_of(self._path).write_text(json.dumps(self._index), "utf-8")


class Packed:
    """Views of a mapped file: nothing is read before it is used."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            # Copy-on-write, which nobody does, because OpenVINO accepts no memory that it may not write.
            self._mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        whole = np.frombuffer(self._mapped, np.uint8)
        self._arrays: dict[str, NDArray[Any]] = {}
        for name, (dtype, shape, offset) in json.loads(_index_of(path).read_text("utf-8")).items():
            size = int(np.prod(shape)) * np.dtype(dtype).itemsize
            self._arrays[name] = whole[offset : offset + size].view(dtype).reshape(shape)

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._arrays[name]

    def drop(self) -> None:
        """Give back the memory of what was read; it is read again where it is used again."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._mapped.madvise(mmap.MADV_DONTNEED)


def _index_of(path: Path) -> Path:
    return path.with_suffix(".json")
