"""The VS Code client offers every setting of the server, with the same default and meaning, and no other."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from mmcore import config

ROOT = Path(__file__).parents[2]
MANIFEST = json.loads((ROOT / "editor-clients/vscode/package.json").read_text("utf-8"))
PROPERTIES = MANIFEST["contributes"]["configuration"]["properties"]
OWN = "sidesight.command"


def schema(row: config.Described) -> dict[str, object]:
    shape: dict[str, object]
    match row.default:
        case bool():
            shape = {"type": "boolean"}
        case int():
            shape = {"type": "integer", "minimum": 0}
        case float():
            shape = {"type": "number", "minimum": 0}
        case str():
            shape = {"type": "string"}
        case tuple():
            shape = {"type": "array", "items": {"type": "string"}}
        case other:
            raise AssertionError(f"no JSON schema for {other!r}")
    default = list(row.default) if isinstance(row.default, tuple) else row.default
    return {**shape, "default": default, "markdownDescription": row.meaning}


@pytest.mark.parametrize("row", tuple(config.describe()), ids=lambda row: row.name)
def test_setting_is_offered_as_the_server_reads_it(row: config.Described) -> None:
    offered = dict(PROPERTIES[f"sidesight.{row.name}"])
    assert offered.pop("scope") == "machine"
    assert offered == schema(row)


def test_no_setting_is_offered_that_the_server_does_not_read() -> None:
    assert set(PROPERTIES) == {f"sidesight.{row.name}" for row in config.describe()} | {OWN}


def test_workspace_cannot_choose_the_program_that_is_started() -> None:
    assert PROPERTIES[OWN]["scope"] == "machine"


def test_client_has_the_version_of_the_server() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert MANIFEST["version"] == project["version"]
