"""Frames find their files whatever machine printed them, and never a file outside the workspace."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmcore.context.grounding import ground
from mmcore.types import Frame, Position


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    for name, text in {
        "main.py": "import cart\n\ncart.total()\n",
        "lib/cart_core.py": "def total():\n    return 1 / 0\n",
        "other/main.py": "print()\n\nprint()\n",
        "node_modules/cart_core.py": "x\ny\n",
        ".venv/lib/site-packages/cart_core.py": "x\ny\n",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


def test_frame_of_another_machine_is_found_by_the_end_of_its_path(shop: Path) -> None:
    (location,) = ground([Frame("/home/dev/shop/lib/cart_core.py", 2, function="total")], [shop])
    assert location.path == shop / "lib" / "cart_core.py"
    assert location.range.start == Position(1, 4)
    assert location.range.end == Position(1, 16)


@pytest.mark.parametrize(
    "printed",
    ["C:\\work\\shop\\lib\\cart_core.py", "file:///app/lib/cart_core.py", "./lib/cart_core.py", "lib/cart core.py"],
)
def test_windows_container_relative_and_misread_paths_are_found(shop: Path, printed: str) -> None:
    assert [location.path for location in ground([Frame(printed, 1)], [shop])] == [shop / "lib" / "cart_core.py"]


def test_longest_common_end_of_the_path_decides(shop: Path) -> None:
    assert [x.path for x in ground([Frame("/src/other/main.py", 1)], [shop])] == [shop / "other" / "main.py"]


def test_equal_candidates_are_all_given_and_the_one_that_agrees_comes_first(shop: Path) -> None:
    (shop / "a").mkdir()
    (shop / "a" / "cart_core.py").write_text("x = 1\ny = 2\n", "utf-8")
    locations = ground([Frame("cart_core.py", 2, function="total")], [shop])
    assert [x.path for x in locations] == [shop / "lib" / "cart_core.py", shop / "a" / "cart_core.py"]


def test_frames_of_installed_packages_are_left_out(shop: Path) -> None:
    frames = [Frame("/usr/lib/python3.11/main.py", 1), Frame("/x/node_modules/cart_core.py", 1), Frame("main.py", 3)]
    assert ground(frames, [shop])[0].path == shop / "main.py"


def test_order_of_the_frames_is_kept_and_a_place_is_named_once(shop: Path) -> None:
    frame = Frame("/shop/lib/cart_core.py", 2)
    found = ground([frame, Frame("/shop/main.py", 3), frame], [shop])
    assert [(x.path.name, x.range.start.line) for x in found] == [("cart_core.py", 1), ("main.py", 2)]


def test_line_past_the_end_points_to_the_last_line(shop: Path) -> None:
    assert ground([Frame("lib/cart_core.py", 900)], [shop])[0].range.start == Position(1, 0)


def test_column_of_a_compiler_is_the_start_of_the_range(shop: Path) -> None:
    assert ground([Frame("lib/cart_core.py", 2, column=12)], [shop])[0].range.start == Position(1, 11)


def test_links_out_of_the_workspace_are_not_followed(shop: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.py"
    secret.write_text("key = 1\n", "utf-8")
    (shop / "secret.py").symlink_to(secret)
    assert ground([Frame("secret.py", 1), Frame(str(secret), 1), Frame("../secret.py", 1)], [shop]) == ()


def test_link_within_the_workspace_is_one_file(shop: Path) -> None:
    (shop / "alias.py").symlink_to(shop / "main.py")
    assert [x.path.name for x in ground([Frame("/src/alias.py", 1)], [shop])] == ["alias.py"]


def test_nothing_is_found_for_what_is_no_file() -> None:
    assert ground([Frame("<stdin>", 1)], []) == ()
