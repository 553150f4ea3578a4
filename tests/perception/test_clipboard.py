from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from mmcore.errors import ImageError
from mmcore.perception.clipboard import read_clipboard


def test_nothing_of_the_working_folder_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = tmp_path / "ran"
    for name in ("PIL.py", "subprocess.py", "pathlib.py"):
        (tmp_path / name).write_text(f"open({str(ran)!r}, 'w')\nraise SystemExit(1)\n")
    monkeypatch.chdir(tmp_path)
    with contextlib.suppress(ImageError):  # a desktop may have a picture on its clipboard, or none
        read_clipboard()
    assert not ran.exists()
