"""`sidesight serve`: the language server."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmcore import config
from mmcore.errors import InputError, SidesightError

if TYPE_CHECKING:
    from lsp_server.server import SidesightServer
    from mmcore.assistant import Assistant


def serve(
    tcp: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Listen on a TCP port of this machine.")] = None,
    ws: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="The same for WebSocket clients.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="With --tcp or --ws: print the address as JSON.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log more to standard error.")] = False,
) -> None:
    """Speak the Language Server Protocol, on standard input and output unless told otherwise.

    An editor starts it. On a socket it serves any number of editors until Ctrl-C, each of which must send, in the
    `initializationOptions.token` of its first message, the content of the token file whose path is printed.

    Example: sidesight serve --tcp 127.0.0.1:4389
    """
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("pygls").setLevel(logging.ERROR)  # it warns of what its client may do, and logs every byte
    if tcp and ws:
        raise InputError("give one of --tcp and --ws")
    address = tcp or ws
    if address is None:
        from lsp_server.transport import serve_stdio

        sys.exit(asyncio.run(serve_stdio(_server_maker(token=None))))
    from lsp_server.transport import serve_tcp, serve_ws

    host, port = parse_address(address)
    path = config.state_dir() / "serve.token"
    listen = serve_tcp if tcp else serve_ws

    def on_ready(actual: int) -> None:
        url = f"{'tcp' if tcp else 'ws'}://{f'[{host}]' if ':' in host else host}:{actual}"
        if as_json:
            typer.echo(json.dumps({"url": url, "token_file": str(path)}))
        else:
            typer.echo(f"Sidesight listens on {url}; the token is in {path}", err=True)

    asyncio.run(listen(_server_maker(token_in(path)), host, port, on_ready))


def _server_maker(token: str | None) -> Callable[[], SidesightServer]:
    from lsp_server.server import create_server

    settings, problems = config.load()
    return lambda: create_server(_open_assistant, settings, problems, token)


def _open_assistant(settings: config.Settings, on_status: Callable[[str], None]) -> Assistant:
    # Imported at the first request: `initialize` need not wait for the database and the parsers.
    from mmcore.assistant import open_assistant

    return open_assistant(settings, on_status)


def parse_address(text: str) -> tuple[str, int]:
    """HOST:PORT, or [HOST]:PORT for IPv6. Raises InputError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise InputError(f"{text!r} is not HOST:PORT; for example 127.0.0.1:4389")
    return host.strip("[]"), int(port)


def token_in(path: Path) -> str:
    """The secret in `path`, made at the first call, readable by its owner only. Raises SidesightError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            token = path.read_text("utf-8").strip()
            if token:
                return token
            raise SidesightError(f"{path} is empty; delete it and start again") from None
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(32))
    except (OSError, UnicodeDecodeError) as error:
        raise SidesightError(f"the token file cannot be used: {error}; SIDESIGHT_STATE names another folder") from None
    return token_in(path)
