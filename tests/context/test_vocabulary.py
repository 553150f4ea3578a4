"""The words of a workspace help to read pictures of its code."""

from __future__ import annotations

from pathlib import Path

from mmcore.context.vocabulary import words_of


def test_words_of_code_are_found_and_those_of_ignored_files_are_not(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("out/\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "made.py").write_text("generated_name = 1\n")
    (tmp_path / "shop.py").write_text("def total_price(items): return sum(i.l10n for i in items)\n")
    (tmp_path / "picture.bin").write_bytes(b"binary_name\x00")
    assert words_of([tmp_path]) == {"def", "total_price", "items", "return", "sum", "l10n", "for"}


def test_no_workspace_has_no_words() -> None:
    assert words_of([]) == frozenset()
