"""One file of arrays and an index of them: written array by array, read by mapping it."""

from __future__ import annotations

import json
from collections.abc import Mapping
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


def read(path: Path) -> Mapping[str, NDArray[Any]]:
    """Views of the mapped file: nothing is read before it is used, and what was is given back under pressure."""
    # Copy-on-write, which nobody does, because OpenVINO accepts no memory that it may not write.
    mapped = np.memmap(path, np.uint8, "c")
    arrays = {}
    for name, (dtype, shape, offset) in json.loads(_index_of(path).read_text("utf-8")).items():
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        arrays[name] = mapped[offset : offset + size].view(dtype).reshape(shape)
    return arrays


def _index_of(path: Path) -> Path:
    return path.with_suffix(".json")
