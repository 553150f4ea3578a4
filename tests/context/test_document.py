from __future__ import annotations

from pathlib import Path

import pytest

from mmcore.context.document import MAX_BYTES, MAX_LINE, language_of, read_document
from mmcore.errors import DocumentError


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_document_has_text_language_uri_and_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "cart.py", b"x = 1\r\n")
    monkeypatch.chdir(tmp_path)
    document = read_document(Path("cart.py"))
    assert (document.text, document.language, document.version) == ("x = 1\r\n", "python", None)
    assert document.path == tmp_path / "cart.py"
    assert document.uri == (tmp_path / "cart.py").as_uri()


def test_byte_order_mark_is_not_part_of_the_text(tmp_path: Path) -> None:
    assert read_document(written(tmp_path / "a.cs", b"\xef\xbb\xbfclass A;")).text == "class A;"


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"\x7fELF\0\0", "binary"),
        (b"ok\nna\xefve\n", r"not UTF-8 text \(line 2\)"),
        ("x = 1".encode("utf-16"), "UTF-16"),
        (b"x" * (MAX_LINE + 1), "a line of 100,001 characters"),
        (b"x\n" * (MAX_BYTES // 2 + 1), "4,000,002 bytes"),
    ],
    ids=["binary", "latin-1", "utf-16", "long line", "large"],
)
def test_file_that_is_no_source_text_is_refused(tmp_path: Path, data: bytes, complaint: str) -> None:
    with pytest.raises(DocumentError, match=complaint):
        read_document(written(tmp_path / "a.txt", data))


def test_what_is_not_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="does not exist"):
        read_document(tmp_path / "none.py")
    with pytest.raises(DocumentError, match="is a directory"):
        read_document(tmp_path)
    with pytest.raises(DocumentError, match="cannot be read"):
        read_document(Path("a\0b"))


def test_endless_device_is_refused() -> None:
    with pytest.raises(DocumentError, match="over 4,000,000 bytes"):
        read_document(Path("/dev/zero"))


@pytest.mark.parametrize(
    ("name", "first_line", "expected"),
    [
        ("a.TSX", "", "typescriptreact"),
        ("Makefile", "", "makefile"),
        ("run", "#!/usr/bin/env python3", "python"),
        ("run", "#!/bin/sh -e", "shellscript"),
        ("run", "#!/opt/unknown", "plaintext"),
        ("notes", "", "plaintext"),
    ],
)
def test_language_is_told_by_name_or_interpreter(name: str, first_line: str, expected: str) -> None:
    assert language_of(Path(name), first_line) == expected
