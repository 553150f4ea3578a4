"""Conversations of one workspace, in one SQLite file."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from mmcore.config import state_dir
from mmcore.errors import InputError, StoreError
from mmcore.memory.migrations import migrations
from mmcore.memory.sqlite import Database
from mmcore.types import Reading, Role

# Another version reads otherwise.
READER = version("sidesight")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it is remembered: where it came from and what was read in it, never its pixels."""

    sha256: str
    path: str | None
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Turn:
    role: Role
    content: str
    pictures: tuple[Picture, ...] = ()


def database_path(roots: Sequence[Path]) -> Path:
    """One database per first workspace folder; what is asked outside any folder has its own."""
    name = hashlib.sha256(os.fsencode(roots[0].resolve())).hexdigest()[:16] if roots else "no-workspace"
    return state_dir() / "workspaces" / name / "memory.db"


class ConversationStore:
    """Thread-safe; every method is short and raises StoreError when the file cannot be read or written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._database: Database | None = None

    def start(self, title: str) -> str:
        """A new conversation; its id."""
        conversation = uuid.uuid4().hex[:12]
        with self._open() as db:
            db.table("conversation").insert({"id": conversation, "title": title[:200], "started": _now()})
        return conversation

    def exists(self, conversation: str) -> bool:
        with self._open() as db:
            return bool(db.table("conversation").count_where("id = ?", [conversation]))

    def append(
        self,
        conversation: str,
        role: Role,
        content: str,
        *,
        model: str | None = None,
        readings: Sequence[tuple[Path | None, Reading]] = (),
        whole: Mapping[str, str] | None = None,
    ) -> None:
        """Add a turn; `readings` are the pictures that came with it, in order, `whole` their encoded readings by hash.

        Those are given out again by `reading`, so that a picture is read once.
        """
        with self._open() as db:
            turn = (
                db.table("turn")
                .insert(
                    {
                        "conversation": conversation,
                        "role": role,
                        "content": content,
                        "model": model,
                        "written": _now(),
                    }
                )
                .last_pk
            )
            for place, (path, reading) in enumerate(readings):
                known = (
                    {"reading": whole[reading.sha256], "reader": READER} if whole and reading.sha256 in whole else {}
                )
                db.table("image").upsert(
                    {
                        "sha256": reading.sha256,
                        "path": str(path) if path else None,
                        "kind": reading.kind,
                        "text": reading.text,
                        "width": reading.size[0],
                        "height": reading.size[1],
                        **known,
                    },
                    pk="sha256",
                )
                db.table("turn_image").insert({"turn": turn, "place": place, "image": reading.sha256})

    def turns(self, conversation: str, last: int) -> tuple[Turn, ...]:
        """The newest `last` turns, oldest first."""
        with self._open() as db:
            rows = list(
                db.query(
                    "select id, role, content from turn where conversation = ? order by id desc limit ?",
                    [conversation, last],
                )
            )
            return tuple(Turn(row["role"], row["content"], _pictures(db, row["id"])) for row in reversed(rows))

    def said(self, last: int) -> tuple[str, ...]:
        """What the user said in the newest `last` turns of any conversation, the newest first."""
        if not self.path.exists():
            return ()
        with self._open() as db:
            rows = db.query("select content from turn where role = 'user' order by id desc limit ?", [last])
            return tuple(row["content"] for row in rows)

    def reading(self, sha256: str) -> str | None:
        """What this version read in the picture with that content, as it was given to `append`."""
        if not self.path.exists():
            return None
        with self._open() as db:
            rows = db.query("select reading from image where sha256 = ? and reader = ?", [sha256, READER])
            return next((row["reading"] for row in rows), None)

    def forget(self, conversation: str | None) -> int:
        """Delete one conversation, or all (None), with the pictures that no other refers to. How many were deleted.

        The bytes are overwritten (`secure_delete`) and the file shrunk, so that forgotten text is not left on disk.
        """
        with self._open() as db:
            everything = [row["id"] for row in db.query("select id from conversation")]
            chosen = [one for one in everything if conversation in (None, one)]
            for one in chosen:
                db.execute("delete from turn_image where turn in (select id from turn where conversation = ?)", [one])
                db.execute("delete from turn where conversation = ?", [one])
                db.execute("delete from conversation where id = ?", [one])
            db.execute("delete from image where sha256 not in (select image from turn_image)")
            db.conn.commit()
            db.vacuum()
            db.execute("pragma wal_checkpoint(truncate)")
        return len(chosen)

    def close(self) -> None:
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None

    @contextmanager
    def _open(self) -> Iterator[Database]:
        with self._lock:
            try:
                if self._database is None:
                    self._database = self._connect()
                with self._database.conn:
                    yield self._database
            except (sqlite3.Error, OSError) as error:
                raise StoreError(
                    f"the conversations in {self.path} cannot be used ({error}); "
                    "move the file away to start afresh, or set memory.enabled to false"
                ) from error

    def _connect(self) -> Database:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Created by us and not by SQLite: what was asked is private from the first byte.
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(self.path, timeout=10, check_same_thread=False)
        try:
            db = Database(connection)
            db.execute("pragma secure_delete = on")
            db.execute("pragma foreign_keys = on")
            db.enable_wal()
            migrations.apply(db)
        except BaseException:
            connection.close()
            raise
        return db


def check_conversation(store: ConversationStore, conversation: str) -> None:
    """Raises InputError for an id that this workspace does not have."""
    if not store.exists(conversation):
        raise InputError(
            f"there is no conversation {conversation!r} in this workspace; leave it out to start a new one"
        )


def _pictures(db: Database, turn: int) -> tuple[Picture, ...]:
    rows = db.query(
        "select image.sha256, path, kind, text from turn_image join image on image.sha256 = image "
        "where turn = ? order by place",
        [turn],
    )
    return tuple(Picture(row["sha256"], row["path"], row["kind"], row["text"]) for row in rows)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
