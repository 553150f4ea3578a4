from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types as lsp

from lsp_server.convert import Encoding
from lsp_server.documents import Documents, OpenDocument
from mmcore.types import Position

ENCODINGS = ("utf-8", "utf-16", "utf-32")
UNITS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}


def opened(text: str, encoding: Encoding = "utf-16") -> OpenDocument:
    return OpenDocument(lsp.TextDocumentItem("file:///tmp/a.py", "python", 1, text), encoding)


def change(start: tuple[int, int], end: tuple[int, int], text: str) -> lsp.TextDocumentContentChangePartial:
    return lsp.TextDocumentContentChangePartial(lsp.Range(lsp.Position(*start), lsp.Position(*end)), text)


def edited(text: str, *changes: lsp.TextDocumentContentChangeEvent, encoding: Encoding = "utf-16") -> str:
    document = opened(text, encoding)
    for one in changes:
        document.apply(one)
    return document.snapshot().text


def position_of(text: str, offset: int, encoding: str) -> tuple[int, int]:
    """What an editor says for code point `offset`, worked out from the text before it alone."""
    before = text[:offset].replace("\r\n", "\n").replace("\r", "\n")
    codec, unit = UNITS[encoding]
    return before.count("\n"), len(before.rpartition("\n")[2].encode(codec)) // unit


# Every line end, characters of one to four bytes, and what str.splitlines takes for line ends though LSP does not.
TEXTS = st.lists(st.sampled_from(["a", "\n", "\r", "\r\n", "é", "的", "😀", "\x0c", "\u2028", "\u0301"])).map("".join)


@given(TEXTS, TEXTS, st.sampled_from(ENCODINGS), st.data())
def test_an_incremental_change_gives_the_text_that_the_editor_has(
    text: str, new: str, encoding: str, data: st.DataObject
) -> None:
    # No editor has a cursor inside \r\n.
    places = [at for at in range(len(text) + 1) if text[at - 1 : at + 1] != "\r\n"]
    start, end = sorted((data.draw(st.sampled_from(places)), data.draw(st.sampled_from(places))))
    one = change(position_of(text, start, encoding), position_of(text, end, encoding), new)
    document = opened(text, encoding)
    document.apply(one)
    assert document.snapshot().text == text[:start] + new + text[end:]
    assert document.lines == opened(text[:start] + new + text[end:]).lines


def test_changes_of_one_notification_build_on_each_other() -> None:
    assert edited("ab\n", change((0, 1), (0, 1), "x\n"), change((1, 0), (1, 1), "y")) == "ax\ny\n"


def test_a_change_without_a_range_replaces_the_whole_text() -> None:
    assert edited("old\ntext", lsp.TextDocumentContentChangeWholeDocument("new")) == "new"


@pytest.mark.parametrize(("encoding", "character"), [("utf-8", 8), ("utf-16", 6), ("utf-32", 5)])
def test_characters_are_counted_in_the_units_agreed_on(encoding: str, character: int) -> None:
    assert edited("s='😀'的\n", change((0, character), (0, character), "!"), encoding=encoding) == "s='😀'!的\n"


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ((0, 99), (0, 99), "ab!\ncd"),  # past the end of a line: its end
        ((7, 0), (7, 5), "ab\ncd!"),  # past the last line: the end of the text
        ((0, 1), (7, 0), "a!"),
        ((1, 1), (0, 1), "a!d"),  # the wrong way round
    ],
)
def test_a_range_that_is_out_of_the_text_is_brought_into_it(
    start: tuple[int, int], end: tuple[int, int], expected: str
) -> None:
    assert edited("ab\ncd", change(start, end, "!")) == expected


def test_a_position_inside_a_surrogate_pair_is_before_the_character() -> None:
    assert opened("😀x").position(lsp.Position(0, 1)) == Position(0, 0)


def test_half_a_surrogate_pair_becomes_a_replacement_character_of_the_same_width() -> None:
    document = opened("a\ud83db")
    assert document.snapshot().text == "a\ufffdb"
    assert document.position(lsp.Position(0, 2)) == Position(0, 2)


def test_snapshot_keeps_line_ends_version_and_path() -> None:
    document = opened("a\r\nb\r")
    snapshot = document.snapshot()
    assert (snapshot.text, snapshot.version, str(snapshot.path)) == ("a\r\nb\r", 1, "/tmp/a.py")
    assert document.snapshot() is snapshot


def test_document_is_found_by_another_spelling_of_its_uri() -> None:
    documents = Documents()
    documents.open(lsp.TextDocumentItem("file:///c%3A/a%20b.py", "python", 1, ""), "utf-16")
    assert documents.get("file:///c:/a b.py") is not None
    documents.close("file:///C%3A/other.py")
    assert len(list(documents)) == 1
    documents.close("file:///c:/a%20b.py")
    assert not list(documents)


def test_untitled_document_has_no_path() -> None:
    document = OpenDocument(lsp.TextDocumentItem("untitled:Untitled-1", "python", 1, ""), "utf-16")
    assert document.snapshot().path is None
