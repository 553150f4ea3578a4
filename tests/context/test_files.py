from __future__ import annotations

from pathlib import Path

from mmcore.context.files import is_ignored, walk


def tree(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def names(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in walk(root)]


def test_ignored_files_and_foreign_folders_are_left_out(tmp_path: Path) -> None:
    tree(tmp_path, a="", b="", build__c="", node_modules__d="", src__e="", src__secret="")
    (tmp_path / ".gitignore").write_text("build/\n")
    (tmp_path / ".sidesightignore").write_text("secret\n")
    assert names(tmp_path) == [".gitignore", ".sidesightignore", "a", "b", "src/e"]


def test_a_nearer_ignore_file_wins(tmp_path: Path) -> None:
    tree(tmp_path, src__keep="", src__drop="", keep="")
    (tmp_path / ".gitignore").write_text("keep\n")
    (tmp_path / "src" / ".gitignore").write_text("!keep\ndrop\n")
    assert names(tmp_path) == [".gitignore", "src/.gitignore", "src/keep"]


def test_links_that_lead_in_circles_end(tmp_path: Path) -> None:
    tree(tmp_path, src__a="")
    (tmp_path / "src" / "loop").symlink_to(tmp_path)
    assert names(tmp_path) == ["src/a"]


def test_what_walking_leaves_out_is_ignored_when_asked_about_alone(tmp_path: Path) -> None:
    tree(tmp_path, a="", build__deep__c="", node_modules__d="", src__keep="", src__drop="", drop="")
    (tmp_path / ".gitignore").write_text("build/\nkeep\n")
    (tmp_path / "src" / ".gitignore").write_text("!keep\ndrop\n")
    every = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path for path in every if not is_ignored(path, tmp_path)} == set(walk(tmp_path))
