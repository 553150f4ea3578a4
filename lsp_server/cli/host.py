"""`sidesight host`: run the model host, see how it is, end it."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Annotated, Any

import typer

from lsp_server.cli.output import settings_or_complaints
from mmcore.errors import EngineUnavailable, InputError


def host(
    status: Annotated[bool, typer.Option("--status", help="Show the running host and its models.")] = False,
    stop: Annotated[
        bool, typer.Option("--stop", help="End the running host; what it is saying may end first.")
    ] = False,
    bind: Annotated[str, typer.Option(help="A loopback address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0: any free one.")] = 0,
    engine: Annotated[
        str, typer.Option(help="Instead of the setting host.engine; `scripted` gives canned answers, without weights.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="With --status or --stop: print JSON.")] = False,
) -> None:
    """Serve the models of this machine to its editors, as an OpenAI-compatible API on a loopback address.

    Editors start it when they need it and it leaves when nobody does, so this is for watching it, for another port, or
    for using the models with other programs. The key is in the file that --status names.

    Example: sidesight host --status --json | jq -r .url
    """
    if status and stop:
        raise InputError("--status and --stop do not go together; give one of them")
    if status:
        _status(as_json)
    elif stop:
        _stop(as_json)
    else:
        _run(bind, port, engine)


def _status(as_json: bool) -> None:
    from mmcore.engine import address, start

    found = address.find()
    health = start.probe(found) if found is not None and found.alive() else None
    state: dict[str, Any] = {"running": health is not None}
    if found is not None and health is not None:
        state |= {key: health[key] for key in ("pid", "version", "active", "models") if key in health}
        state |= {"url": found.url, "token_file": str(address.token_path()), "log": str(address.log_path())}
    if as_json:
        typer.echo(json.dumps(state, ensure_ascii=False))
    elif not state["running"]:
        typer.echo("no model host is running; one starts when an editor or a command needs it")
    else:
        typer.echo(f"sidesight {state['version']}, process {state['pid']}, at {state['url']}")
        typer.echo(f"key: {state['token_file']}\nlog: {state['log']}")
        for name, model in state["models"].items():
            typer.echo(f"{name}: {'not in memory' if model['state'] == 'absent' else model['state']}")


def _stop(as_json: bool) -> None:
    from mmcore.engine import start

    stopped = start.stop()
    if as_json:
        typer.echo(json.dumps({"stopped": stopped}))
    else:
        typer.echo("the model host has ended" if stopped else "no model host is running")


def _run(bind: str, port: int, engine: str) -> None:
    try:
        from mmcore.host import serve
    except ModuleNotFoundError as error:
        raise EngineUnavailable(f"{error.name} is missing; `pip install 'sidesight[cpu]'` brings it") from None
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = settings_or_complaints()
    if engine:
        settings = replace(settings, host=replace(settings.host, engine=engine))
    serve.run(settings, bind, port)
