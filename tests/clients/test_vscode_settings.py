"""The VS Code client offers every setting of the server, with the same default and meaning, and no other."""

from __future__ import annotations

import json
import runpy
import tomllib
from pathlib import Path
from typing import Any

from mmcore import config

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "editor-clients/vscode"
MANIFEST: dict[str, Any] = json.loads((CLIENT / "package.json").read_text("utf-8"))
PROPERTIES = MANIFEST["contributes"]["configuration"]["properties"]


def test_package_json_has_the_settings_of_the_server() -> None:
    written = runpy.run_path(str(CLIENT / "write_settings.py"))["properties"]()
    assert written == PROPERTIES, "run: python editor-clients/vscode/write_settings.py"


def test_each_setting_has_the_default_and_the_meaning_that_the_server_has() -> None:
    offered = {name: (row["default"], row["markdownDescription"]) for name, row in PROPERTIES.items()}
    del offered["sidesight.command"]
    assert offered == {
        f"sidesight.{row.name}": (json.loads(json.dumps(row.default)), row.meaning) for row in config.describe()
    }


def test_defaults_that_are_offered_are_values_that_the_server_takes() -> None:
    values = {name.removeprefix("sidesight."): row["default"] for name, row in PROPERTIES.items()}
    del values["command"]
    problems: list[str] = []
    assert config.overlay(config.Settings(), values, problems, "package.json") == config.Settings()
    assert problems == []


def test_workspace_cannot_set_anything() -> None:
    assert {row["scope"] for row in PROPERTIES.values()} == {"machine"}


def test_client_has_the_version_of_the_server() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert MANIFEST["version"] == project["version"]
