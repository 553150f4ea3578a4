from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from typing import Any

import pytest

from lsp_server import __main__ as command
from mmcore.errors import EngineUnavailable, InputError

COMMANDS = command._COMMANDS
# Groups, whose subcommands have theirs; and one that needs no arguments.
WITHOUT_EXAMPLE = ("models", "memory", "demo")


def test_version_is_that_of_the_distribution(sidesight: Any) -> None:
    ended = sidesight("--version")
    assert (ended.status, ended.out) == (0, f"sidesight {version('sidesight')}\n")


def test_help_names_every_command(sidesight: Any) -> None:
    ended = sidesight("--help")
    assert ended.status == 0
    for name in COMMANDS:
        assert name in ended.out


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_teaches_by_an_example(sidesight: Any, name: str) -> None:
    ended = sidesight(name, "--help")
    assert ended.status == 0
    assert f"Example: sidesight {name}" in " ".join(ended.out.split()) or name in WITHOUT_EXAMPLE


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["fly"], "No such command 'fly'; see `sidesight --help`"),
        (["ask"], "Missing argument 'QUESTION'; see `sidesight ask --help`"),
        (["ask", "why?", "--picture", "a.png"], "No such option: --picture"),
    ],
)
def test_usage_error_is_one_line_that_says_where_help_is(sidesight: Any, arguments: list[str], complaint: str) -> None:
    ended = sidesight(*arguments)
    assert ended.status == 2
    assert ended.err.startswith(f"sidesight: {complaint}")
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "status"), [(InputError("bad input"), 2), (EngineUnavailable("no engine"), 2), (KeyboardInterrupt(), 130)]
)
def test_an_error_is_one_line_and_an_interruption_says_nothing(
    sidesight: Any, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int
) -> None:
    def fail(**_: Any) -> None:
        raise error

    monkeypatch.setattr(command, "app", fail)
    ended = sidesight("doctor")
    assert ended.status == status
    assert ended.err == (f"sidesight: {error}\n" if str(error) else "")


def test_other_commands_are_not_imported_for_serve() -> None:
    code = (
        "import sys; sys.argv = ['sidesight', 'serve', '--tcp', 'x']\n"
        "from lsp_server.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: print([name for name in sys.modules if name.startswith('lsp_server.cli.')])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "['lsp_server.cli.serve']"
