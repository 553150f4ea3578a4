"""What FILE, FILE:A-B, FILE:SYMBOL and a folder mean to the commands that act on code."""

from __future__ import annotations

from pathlib import Path

import pytest

from lsp_server.cli.action import read_place
from mmcore.errors import DocumentError
from mmcore.types import Position, Range


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.py"
    path.write_text("x = 1\n\n\ndef f():\n    pass\n")
    return path


def test_a_file_its_lines_and_a_name_in_it(file: Path) -> None:
    assert read_place(str(file))[1:] == (None, "")
    assert read_place(f"{file}:4-5")[1] == Range(Position(3, 0), Position(4, 8))
    assert read_place(f"{file}:Box.f")[2] == "Box.f"
    with pytest.raises(DocumentError, match="has 6 lines"):
        read_place(f"{file}:9")


def test_a_folder_is_its_readme_which_need_not_be_there(file: Path) -> None:
    document, span, symbol = read_place(str(file.parent))
    assert (document.language, document.text, span, symbol) == ("markdown", "", None, "")
    assert document.path == file.parent.resolve() / "README.md"
    (file.parent / "readme.md").write_text("# Mine\n")
    assert read_place(str(file.parent))[0].text == "# Mine\n"
