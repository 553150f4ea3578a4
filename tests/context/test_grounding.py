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


def test_what_git_ignores_comes_last(shop: Path) -> None:
    (shop / ".gitignore").write_text("build/\n", "utf-8")
    copy = shop / "build" / "lib" / "cart_core.py"
    copy.parent.mkdir(parents=True)
    copy.write_text((shop / "lib" / "cart_core.py").read_text("utf-8"), "utf-8")
    found = ground([Frame("/app/lib/cart_core.py", 2), Frame("/app/main.py", 3)], [shop])
    assert [x.path.relative_to(shop).as_posix() for x in found] == [
        "lib/cart_core.py",
        "main.py",
        "other/main.py",
        "build/lib/cart_core.py",
    ]


def test_code_of_others_kept_in_the_workspace_comes_behind_the_users(shop: Path) -> None:
    inner = shop / "vendor" / "tax" / "rates.py"
    inner.parent.mkdir(parents=True)
    inner.write_text("x\ny\n", "utf-8")
    frames = [Frame("/app/vendor/tax/rates.py", 2), Frame("/app/lib/cart_core.py", 2)]
    assert [x.path.name for x in ground(frames, [shop])] == ["cart_core.py", "rates.py"]


def test_project_that_is_called_vendor_is_the_users_own(shop: Path) -> None:
    frames = [Frame("/home/dev/vendor/lib/cart_core.py", 2), Frame("/home/dev/vendor/main.py", 3)]
    assert [x.path.name for x in ground(frames, [shop])][:2] == ["cart_core.py", "main.py"]


def test_file_in_a_folder_that_the_path_does_not_name_comes_behind_one_at_the_root(shop: Path) -> None:
    (shop / "a").mkdir()
    (shop / "a" / "main.py").write_text("x\ny\nz\n", "utf-8")
    found = ground([Frame("/home/dev/project/main.py", 3)], [shop])
    assert [x.path.relative_to(shop).as_posix() for x in found] == ["main.py", "a/main.py", "other/main.py"]


def test_line_of_code_that_is_printed_corrects_the_number(shop: Path) -> None:
    for frame in (
        Frame("lib/cart_core.py", 1, source="return 1 / 0"),
        Frame("lib/cart_core.py", 77, source="return l / O"),
        Frame("lib/cart_core.py", 2, source="return 1/ 0;"),
        Frame("lib/cart_core.py", 2, source="return what_was_there_before()"),
    ):
        assert ground([frame], [shop])[0].range.start == Position(1, 4), frame


def test_misread_name_is_found_where_the_code_agrees_and_only_there(shop: Path) -> None:
    assert [x.path.name for x in ground([Frame("/app/cart_cone.py", 2, source="return 1 / 0")], [shop])] == [
        "cart_core.py"
    ]
    assert ground([Frame("/app/cart_cone.py", 2, source="return 2 * 3")], [shop]) == ()


def test_package_of_a_jvm_frame_chooses_among_files_of_one_name(shop: Path) -> None:
    for folder in ("com/acme/cart", "com/acme/order"):
        path = shop / "src" / folder / "Total.java"
        path.parent.mkdir(parents=True)
        path.write_text("class Total {\n  int sum() {\n", "utf-8")
    frames = [
        Frame("ArrayList.java", 427, function="java.base/java.util.ArrayList.get"),
        Frame("Total.java", 2, function="com.acme.order.Total.sum"),
    ]
    assert [x.path.parent.name for x in ground(frames, [shop])] == ["order"]


def test_failed_test_is_found_by_its_name_and_a_file_by_itself(shop: Path) -> None:
    assert ground([Frame("lib/cart_core.py", 0, function="TestX.total")], [shop])[0].range.start == Position(0, 0)
    (shop / "test_x.py").write_text("import x\n\n\ndef test_total():\n    pass\n", "utf-8")
    assert ground([Frame("test_x.py", 0, function="test_total")], [shop])[0].range.start == Position(3, 0)
    assert ground([Frame("test_x.py", 0)], [shop])[0].range.start == Position(0, 0)


def test_path_through_a_linked_folder_is_found(shop: Path) -> None:
    (shop / "current").symlink_to(shop / "lib", target_is_directory=True)
    (shop / "old").mkdir()
    (shop / "old" / "cart_core.py").write_text("x\ny\n", "utf-8")
    found = ground([Frame("/srv/current/cart_core.py", 2)], [shop])
    assert [x.path.resolve() for x in found] == [shop / "lib" / "cart_core.py"]


def test_users_package_that_is_installed_in_a_container_is_found_and_others_are_not(shop: Path) -> None:
    installed = "/usr/local/lib/python3.12/site-packages"
    assert [x.path.name for x in ground([Frame(f"{installed}/lib/cart_core.py", 2)], [shop])] == ["cart_core.py"]
    assert ground([Frame(f"{installed}/requests/lib/cart_core.py", 2)], [shop]) == ()
    assert ground([Frame(f"{installed}/cart_core.py", 2)], [shop]) == ()


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
