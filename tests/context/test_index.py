from __future__ import annotations

from pathlib import Path

import pytest

from mmcore.context.index import WorkspaceIndex, index_path, update
from mmcore.context.related import related, used_names
from mmcore.context.surroundings import Surroundings
from mmcore.types import Document, Neighbour


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIDESIGHT_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "work"
    (root / "shop").mkdir(parents=True)
    (root / "shop" / "prices.py").write_text('def price_of(name: str) -> int:\n    """In cents."""\n    return 1\n')
    (root / "shop" / "other.py").write_text("def unrelated():\n    return 2\n")
    return root


def document(root: Path, text: str) -> Document:
    return Document("file:///cart.py", "python", text, path=root / "shop" / "cart.py")


def test_only_what_changed_is_read_again(root: Path) -> None:
    index = index_path(root)
    assert update(root, index) == 2
    assert update(root, index) == 0
    (root / "shop" / "prices.py").write_text("def renamed():\n    pass\n")
    (root / "shop" / "other.py").unlink()
    assert update(root, index) == 1
    found = WorkspaceIndex(root)
    assert found.definitions(["price_of"]) == []
    assert found.definitions(["unrelated"]) == []
    assert [snippet.path.name for snippet in found.definitions(["renamed"])] == ["prices.py"]


async def test_a_refresh_runs_in_another_process_and_is_waited_for(root: Path) -> None:
    index = WorkspaceIndex(root)
    assert index.definitions(["price_of"]) == []
    index.refresh()
    await index.refreshed()
    (snippet,) = index.definitions(["price_of"])
    assert snippet.text.startswith("def price_of(name: str) -> int:")
    assert (snippet.start_line, snippet.reason) == (0, "defines price_of")


async def test_a_damaged_index_has_nothing_and_is_made_again(root: Path) -> None:
    index_path(root).parent.mkdir(parents=True)
    index_path(root).write_bytes(b"garbage" * 1000)
    index = WorkspaceIndex(root)
    assert index.definitions(["price_of"]) == []
    index.refresh()
    await index.refreshed()
    assert len(index.definitions(["price_of"])) == 1


async def test_that_an_index_cannot_be_made_is_told(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SIDESIGHT_CACHE", str(root / "shop" / "prices.py"))
    index = WorkspaceIndex(root)
    index.refresh()
    await index.refreshed()
    assert index.definitions(["price_of"]) == []
    assert f"{root} could not be indexed" in caplog.text
    assert "NotADirectoryError" in caplog.text


def test_files_that_cannot_be_parsed_are_passed_over(root: Path) -> None:
    (root / "binary.py").write_bytes(b"\0\1\2")
    (root / "latin.py").write_bytes(b"x = '\xe9'")
    assert update(root, index_path(root)) == 4
    assert WorkspaceIndex(root).definitions(["price_of"])


def test_definitions_that_the_cursor_uses_come_first_and_within_the_budget(root: Path) -> None:
    update(root, index_path(root))
    text = "from shop.prices import price_of\n\ndef total(items):\n    return sum(price_of(item) for item in items)\n"
    here = document(root, text)
    other = Document("file:///b.py", "python", "def total(items):\n    return price_of(items)\n", path=root / "b.py")
    snippets = related(here, text.index("for item"), [WorkspaceIndex(root)], [Neighbour(other)], 1000)
    assert [(snippet.path.name, snippet.reason) for snippet in snippets] == [
        ("prices.py", "defines price_of"),
        ("b.py", "similar, open"),
    ]
    assert related(here, 10, [WorkspaceIndex(root)], [Neighbour(other)], 5) == []


def test_the_same_piece_is_not_given_twice(root: Path) -> None:
    text = "def total(items, tax):\n    return tax\n"
    others = [Neighbour(Document(f"file:///{n}.py", "python", text, path=root / f"{n}.py")) for n in range(3)]
    assert len(related(document(root, text), len(text) - 2, [], others, 10_000)) == 1


def test_names_are_those_of_the_enclosing_function() -> None:
    text = "import os\n\ndef far(): far_away()\n\ndef near(argument):\n    return helper(argument)\n"
    names = used_names(Document("file:///a.py", "python", text), text.index("helper"))
    assert names["argument"] == 2
    assert "far_away" not in names


async def test_a_saved_file_is_read_again_unless_it_is_ignored(root: Path) -> None:
    index = WorkspaceIndex(root)
    index.refresh()
    await index.refreshed()
    (root / "shop" / "other.py").write_text("def added():\n    return 2\n")
    (root / "secret.py").write_text("def hidden():\n    return 3\n")
    (root / ".sidesightignore").write_text("secret.py\n")
    await index.saved(root / "shop" / "other.py")
    await index.saved(root / "secret.py")
    assert index.defined(["added", "hidden", "unrelated", "price_of"]) == {"added", "price_of"}


def test_what_was_edited_in_another_document_comes_before_what_looks_alike(root: Path) -> None:
    alike = Document("file:///b.py", "python", "def total(items, tax):\n    return tax\n", path=root / "b.py")
    edited = Document("file:///c.py", "python", "def discount(items):\n    return 0\n", path=root / "c.py")
    text = "def total(items, tax):\n    return tax"
    snippets = related(document(root, text), len(text), [], [Neighbour(alike), Neighbour(edited, 1)], 10_000)
    assert [(snippet.path.name, snippet.reason) for snippet in snippets] == [
        ("c.py", "similar, edited in this session"),
        ("b.py", "similar, open"),
    ]


def test_an_open_document_that_is_ignored_is_not_shown(root: Path) -> None:
    (root / ".gitignore").write_text("keys.py\n")
    text = "def total(items, tax):\n    return tax"
    keys = Neighbour(Document("file:///keys.py", "python", text, path=root / "keys.py"))
    surroundings = Surroundings(root / "shop" / "cart.py", (WorkspaceIndex(root),), (keys,))
    assert surroundings.snippets(document(root, text), len(text), (0, len(text)), 10_000) == []


async def test_an_index_whose_root_is_gone_is_removed(root: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    update(gone, index_path(gone))
    gone.rmdir()
    index = WorkspaceIndex(root)
    index.refresh()
    await index.refreshed()
    assert index_path(root).exists()
    assert not index_path(gone).exists()


async def test_nothing_of_the_workspace_is_imported(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sqlite3.py", "hashlib.py"):
        (root / name).write_text("raise SystemExit(1)\n")
    monkeypatch.chdir(root)
    index = WorkspaceIndex(root)
    index.refresh()
    await index.refreshed()
    assert index.defined(["price_of"]) == {"price_of"}
