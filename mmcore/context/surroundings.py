"""What the workspace around a document says of it: the indexes of its roots, and the other documents that are open."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmcore.context.files import is_ignored
from mmcore.context.index import WorkspaceIndex
from mmcore.context.related import related
from mmcore.types import Document, Neighbour, Snippet


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Of one document at `path`. Its methods read the index, and belong in a thread."""

    path: Path | None = None
    indexes: tuple[WorkspaceIndex, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()

    def snippets(self, document: Document, offset: int, shown: tuple[int, int], characters: int) -> list[Snippet]:
        """See `related`; paths are relative to their root."""
        neighbours = [neighbour for neighbour in self.neighbours if not self._is_ignored(neighbour.document.path)]
        found = related(document, offset, self.indexes, neighbours, characters, shown)
        return [Snippet(self.name(s.path), s.start_line, s.text, s.reason, s.score) for s in found]

    def defined(self, names: Collection[str]) -> set[str]:
        """Which of `names` something in the workspace defines."""
        return {name for index in self.indexes for name in index.defined(list(names))}

    def name(self, path: Path) -> Path:
        """`path` as a programmer would say it."""
        inside = [path.relative_to(index.root) for index in self.indexes if path.is_relative_to(index.root)]
        return inside[0] if inside else Path(path.name)

    def _is_ignored(self, path: Path | None) -> bool:
        roots = [index.root for index in self.indexes]
        return path is not None and any(is_ignored(path, root) for root in roots if path.is_relative_to(root))


class Workspaces:
    """Holds the index of every root that was asked about."""

    def __init__(self) -> None:
        self._indexes: dict[Path, WorkspaceIndex] = {}

    def around(self, path: Path | None, roots: Sequence[Path], neighbours: Sequence[Neighbour] = ()) -> Surroundings:
        """The surroundings as far as they are known; what is not begins to be read in the background."""
        indexes = []
        for root in roots:
            index = self._indexes.setdefault(root, WorkspaceIndex(root))
            index.refresh()
            indexes.append(index)
        return Surroundings(path, tuple(indexes), tuple(neighbours))

    async def refreshed(self) -> None:
        """Wait until every update under way has ended."""
        await asyncio.gather(*(index.refreshed() for index in self._indexes.values()))

    async def saved(self, path: Path) -> None:
        """A file was written."""
        for root, index in self._indexes.items():
            if path.is_relative_to(root):
                await index.saved(path)

    async def close(self) -> None:
        await asyncio.gather(*(index.close() for index in self._indexes.values()))
