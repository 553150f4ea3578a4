from __future__ import annotations

import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mmcore.errors import InputError, StoreError
from mmcore.memory.migrations import migrations
from mmcore.memory.store import ConversationStore, check_conversation, database_path
from mmcore.types import Reading

READING = Reading("traceback", "KeyError: 'x'", (), (640, 480), sha256="ab" * 32)


@pytest.fixture
def store(tmp_path: Path):
    store = ConversationStore(tmp_path / "memory.db")
    yield store
    store.close()


def test_turns_come_back_in_order_with_their_pictures(store: ConversationStore, tmp_path: Path) -> None:
    conversation = store.start("why?")
    store.append(conversation, "user", "why?", readings=[(tmp_path / "a.png", READING)])
    store.append(conversation, "assistant", "because", model="m")
    first, second = store.turns(conversation, last=10)
    assert (first.role, first.content, first.pictures[0].text) == ("user", "why?", "KeyError: 'x'")
    assert first.pictures[0].path == str(tmp_path / "a.png")
    assert (second.role, second.content, second.pictures) == ("assistant", "because", ())


def test_only_the_newest_turns_are_returned(store: ConversationStore) -> None:
    conversation = store.start("t")
    for number in range(5):
        store.append(conversation, "user", str(number))
    assert [turn.content for turn in store.turns(conversation, last=2)] == ["3", "4"]


def test_memory_survives_reopening(store: ConversationStore) -> None:
    conversation = store.start("t")
    store.append(conversation, "user", "hello")
    store.close()
    again = ConversationStore(store.path)
    assert again.turns(conversation, last=5)[0].content == "hello"
    again.close()


def test_files_are_private(store: ConversationStore) -> None:
    store.start("t")
    for file in store.path.parent.glob("memory.db*"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_forgetting_one_keeps_the_others_and_a_shared_picture(store: ConversationStore) -> None:
    one, two = store.start("1"), store.start("2")
    for conversation in (one, two):
        store.append(conversation, "user", "look", readings=[(None, READING)])
    assert store.forget(one) == 1
    assert not store.exists(one)
    assert store.turns(two, last=1)[0].pictures[0].sha256 == READING.sha256


def test_forgotten_text_is_not_left_on_disk(store: ConversationStore) -> None:
    conversation = store.start("a secret title")
    store.append(conversation, "user", "the password is zanzibar", readings=[(None, READING)])
    assert store.forget(None) == 1
    store.close()
    left = b"".join(file.read_bytes() for file in store.path.parent.iterdir())
    assert b"zanzibar" not in left
    assert b"KeyError" not in left
    assert b"secret title" not in left


def test_unknown_conversation_is_an_input_error(store: ConversationStore) -> None:
    with pytest.raises(InputError, match="no conversation 'nope'"):
        check_conversation(store, "nope")


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    path.write_bytes(b"not a database " * 400)
    with pytest.raises(StoreError, match="move the file away"):
        ConversationStore(path).start("t")
    assert path.read_bytes().startswith(b"not a database")


def test_many_threads_lose_nothing(store: ConversationStore) -> None:
    conversation = store.start("t")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.append(conversation, "user", str(n)), range(100)))
    assert sorted(int(turn.content) for turn in store.turns(conversation, last=200)) == list(range(100))


def test_two_processes_share_one_file(store: ConversationStore) -> None:
    conversation = store.start("t")
    other = ConversationStore(store.path)
    other.append(conversation, "user", "from the other window")
    other.close()
    assert store.turns(conversation, last=1)[0].content == "from the other window"


def test_every_migration_is_recorded_once(store: ConversationStore) -> None:
    store.start("t")
    store.close()
    with sqlite3.connect(store.path) as connection:
        applied = [row[0] for row in connection.execute("select name from _sqlite_migrations order by rowid")]
        journal = connection.execute("pragma journal_mode").fetchone()[0]
    connection.close()
    assert applied == [migration.name for migration in migrations._migrations]
    assert journal == "wal"


def test_workspaces_have_databases_of_their_own(tmp_path: Path) -> None:
    one, two = database_path([tmp_path / "one"]), database_path([tmp_path / "two"])
    assert len({one, two, database_path([])}) == 3
