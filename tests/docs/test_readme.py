from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from mmcore.config import PerceptionSettings, describe
from mmcore.perception.pipeline import read

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def shown(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{', '.join(value)}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`" if value != "" else ""


def test_every_setting_stands_in_the_table_with_its_default_and_meaning() -> None:
    table = [f"| `{row.name}` | {shown(row.default)} | {row.meaning} |" for row in describe()]
    missing = [row for row in table if row not in README]
    assert not missing, "paste these rows into README.md:\n" + "\n".join(missing)


def test_the_table_holds_no_setting_that_is_gone() -> None:
    names = {row.name for row in describe()}
    groups = {name.partition(".")[0] for name in names}
    listed = set(re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|", README, re.MULTILINE))
    assert {name for name in listed if name.partition(".")[0] in groups} <= names


def test_the_first_two_commands_are_demo_and_test() -> None:
    commands = re.findall(r"^(make \w+)", README, re.MULTILINE)
    assert commands[:2] == ["make demo", "make test"]


def test_every_folder_on_the_map_exists_and_every_package_is_on_it() -> None:
    block = re.search(r"<!-- map -->\s*```text\n(.*?)```", README, re.DOTALL)
    assert block
    named = re.findall(r"^(?:  )?([\w.-]+(?:/[\w.-]+)*)/?\s{2,}", block.group(1), re.MULTILINE)
    missing = [name for name in named if not ((ROOT / name).exists() or list(ROOT.glob(f"*/{name}")))]
    assert named
    assert not missing
    packages = {path.parent.name for path in (ROOT / "mmcore").glob("*/__init__.py")}
    assert packages <= {Path(name).name for name in named}


def test_links_to_files_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link.partition("#")[0]).exists()] == []


COMMANDS = sorted(set(re.findall(r"^sidesight (\w+)", README, re.MULTILINE)))


def test_commands_are_shown() -> None:
    assert {"complete", "ask", "read", "doctor", "models", "host", "memory", "serve"} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_in_the_readme_has_help(command: str) -> None:
    help_text = subprocess.run(
        [sys.executable, "-m", "lsp_server", command, "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert "Usage" in help_text


def test_the_reading_that_is_shown_is_what_is_read() -> None:
    picture = (ROOT / "lsp_server/sample/pictures/checkout-fails.png").read_bytes()
    assert f"```\n{read(picture, PerceptionSettings()).text}\n```" in README
