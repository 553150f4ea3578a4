"""Where every name of a workspace is defined: an SQLite file per root, brought up to date in a process of its own.

On disk, so that 10,000 files cost the language server no memory and a second start no work; in another process, so
that parsing never holds up a keystroke.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import os
import sqlite3
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import Any

from mmcore import config
from mmcore.context.document import language_of, read_document
from mmcore.context.files import is_ignored, walk
from mmcore.errors import DocumentError
from mmcore.syntax import symbols
from mmcore.types import Snippet

logger = logging.getLogger(__name__)

# Longer files are generated more often than written.
_MAX_BYTES = 400_000
# A folder that is no project (a home, a disk) would be walked for hours.
_MOST_FILES = 50_000
# Files also change behind the editor's back, as when another branch is checked out.
_AGAIN_S = 60.0
# A definition's head says how it is used: its signature, and its documentation's first lines.
_HEAD_LINES = 8
_SCHEMA = """
create table if not exists root (path text unique not null);
create table if not exists file (id integer primary key, path text unique not null, mtime integer, size integer);
create table if not exists symbol (name text not null, file integer not null, line integer, head text);
create index if not exists symbol_name on symbol (name);
create index if not exists symbol_file on symbol (file);
"""


def index_path(root: Path) -> Path:
    # The version is part of the name: a schema that changes is built anew, and never migrated.
    name = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:16]
    return config.cache_dir() / "index" / f"{name}-2.db"


def update(root: Path, index: Path, files: Iterable[Path] | None = None) -> int:
    """Bring the index up to date with `files`, else with every file below `root`; how many were read again."""
    index.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(index, os.O_CREAT | os.O_RDWR, 0o600))
    with closing(sqlite3.connect(index, timeout=60)) as db:
        db.executescript(_SCHEMA)
        db.execute("insert or ignore into root values (?)", (str(root.resolve()),))
        known = {path: (mtime, size) for path, mtime, size in db.execute("select path, mtime, size from file")}
        seen: set[str] = set()
        changed = 0
        for path in islice(walk(root), _MOST_FILES) if files is None else files:
            if language_of(path) == "plaintext":
                continue
            name = path.relative_to(root).as_posix()
            seen.add(name)
            try:
                stat = path.stat()
            except OSError:
                continue
            stamp = (stat.st_mtime_ns, stat.st_size)
            if known.get(name) == stamp:
                continue
            _replace(db, path, name, stamp)
            changed += 1
            if changed % 200 == 0:
                db.commit()  # a reader sees what is there so far; an interrupted run goes on from here
        if files is None:
            for name in known.keys() - seen:
                _remove(db, name)
        db.commit()
    return changed


def prune(folder: Path) -> None:
    """Remove the indexes in `folder` whose root is gone."""
    for index in folder.glob("*.db"):
        with suppress(sqlite3.Error), closing(sqlite3.connect(f"{index.as_uri()}?mode=ro", uri=True)) as db:
            roots = db.execute("select path from root").fetchall()
            if roots and not any(Path(path).is_dir() for (path,) in roots):
                index.unlink()


def _replace(db: sqlite3.Connection, path: Path, name: str, stamp: tuple[int, int]) -> None:
    _remove(db, name)
    file = db.execute("insert into file (path, mtime, size) values (?, ?, ?)", (name, *stamp)).lastrowid
    if stamp[1] > _MAX_BYTES:
        return
    try:
        document = read_document(path)
    except DocumentError:
        return
    lines = document.text.splitlines()
    rows = []
    for symbol in symbols(document.text, document.language):
        if symbol.name:
            first, last = symbol.range.start.line, symbol.range.end.line
            head = "\n".join(lines[first : min(first + _HEAD_LINES, last + 1)])
            rows.append((symbol.name, file, first, head))
    db.executemany("insert into symbol (name, file, line, head) values (?, ?, ?, ?)", rows)


def _remove(db: sqlite3.Connection, name: str) -> None:
    db.execute("delete from symbol where file in (select id from file where path = ?)", (name,))
    db.execute("delete from file where path = ?", (name,))


class WorkspaceIndex:
    """The index of one root: `refresh` brings it up to date in the background, `definitions` looks names up."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._path = index_path(root)
        self._running: asyncio.Task[None] | None = None
        self._refreshed_at = -math.inf

    def refresh(self) -> None:
        """Start an update, unless one is under way or has just been."""
        now = time.monotonic()
        if (self._running is None or self._running.done()) and now - self._refreshed_at > _AGAIN_S:
            self._refreshed_at = now
            self._running = asyncio.create_task(self._update())

    async def refreshed(self) -> None:
        """Wait for the update under way."""
        if self._running is not None:
            await self._running

    async def saved(self, path: Path) -> None:
        """Read one file of the root again, after the update under way."""
        await self.refreshed()
        if not await asyncio.to_thread(is_ignored, path, self.root):
            with suppress(sqlite3.Error):  # the next update finds the file changed
                await asyncio.to_thread(update, self.root, self._path, [path])

    async def close(self) -> None:
        if self._running is not None and not self._running.done():
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    def definitions(self, names: Sequence[str], most_each: int = 3) -> list[Snippet]:
        """Definitions of `names`, in their order; a name with more than `most_each` of them tells nothing.

        An index that is not there yet, or is being made, has none.
        """
        columns = "name, path, line, head from symbol join file on file.id = file"
        return list(_snippets(self.root, names, self._select(columns, names), most_each))

    def defined(self, names: Sequence[str]) -> set[str]:
        """Which of `names` something in the workspace defines."""
        return {name for (name,) in self._select("distinct name from symbol", names)}

    def _select(self, what: str, names: Sequence[str]) -> list[tuple[Any, ...]]:
        if not names or not self._path.exists():
            return []
        query = f"select {what} where name in ({','.join('?' * len(names))})"
        try:
            with closing(sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True, timeout=1)) as db:
                return db.execute(query, list(names)).fetchall()
        except sqlite3.Error:
            return []

    async def _update(self) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # the working folder is the workspace, which must not be imported from
            "-m",
            "mmcore.context.index",
            str(self.root),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            _, errors = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        if process.returncode:
            # Completions and answers go on without other files; somebody will ask why.
            logger.warning("%s could not be indexed: %s", self.root, errors.decode("utf-8", "replace")[-2000:])


def _snippets(
    root: Path, names: Sequence[str], rows: Iterable[tuple[str, str, int, str]], most_each: int
) -> Iterable[Snippet]:
    by_name: dict[str, list[tuple[str, int, str]]] = {}
    for name, path, line, head in rows:
        by_name.setdefault(name, []).append((path, line, head))
    for name in names:
        found = by_name.get(name, [])
        if len(found) <= most_each:
            for path, line, head in found:
                yield Snippet(root / path, line, head, f"defines {name}", 1.0 / len(found))


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(10)
    workspace = Path(sys.argv[1])
    try:
        update(workspace, index_path(workspace))
    except sqlite3.OperationalError:
        raise  # locked for a minute, or no disk: not damaged
    except sqlite3.DatabaseError:
        # Only a cache: what is damaged is made again.
        index_path(workspace).unlink()
        update(workspace, index_path(workspace))
    prune(index_path(workspace).parent)
