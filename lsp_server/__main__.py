"""The command `sidesight`."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from mmcore.errors import SidesightError

_COMMANDS = (
    *("serve", "complete", "ask", "read", "generate", "fix", "doc", "test", "explain", "review"),
    *("models", "host", "memory", "trust", "doctor", "demo"),
)


class _Commands(TyperGroup):
    """Imports a subcommand when it is called for: an editor waits for `serve`, which needs none of the others."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"lsp_server.cli.{cmd_name}")
        app = getattr(module, "app", None)
        if app is None:
            app = typer.Typer(add_completion=False)
            app.command(cmd_name)(getattr(module, cmd_name))
        command = typer.main.get_command(app)
        command.name = cmd_name  # a Typer group has none of its own
        return command


app = typer.Typer(cls=_Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sidesight {version('sidesight')}")
        raise typer.Exit


@app.callback()
def sidesight(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A coding assistant that sees: completions in the editor, answers about code and screenshots.

    Start with `sidesight demo`; mend with `sidesight doctor`.
    """


def main() -> None:
    """Run the command line. What cannot be done is said in one line, with exit status 2; 1 is a command's own "no"."""
    try:
        sys.exit(app(prog_name="sidesight", standalone_mode=False))
    except SidesightError as error:
        _end(str(error), 2)
    except typer.Abort:
        _end("stopped", 130)
    except KeyboardInterrupt:
        sys.exit(130)
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        hint = f"; see `{context.command_path} --help`" if context else ""
        _end(f"{error.format_message().rstrip('.')}{hint}", error.exit_code)


def _end(message: str, status: int) -> None:
    print(f"sidesight: {message}", file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
