"""`sidesight test`: tests that run."""

from __future__ import annotations

import typer

from lsp_server.cli.action import AsJson, Instruction, Place, Run, Show, Write, perform, request_of

app = typer.Typer(add_completion=False)


@app.command("test")
def write_tests(
    place: Place,
    instruction: Instruction = "",
    run: Run = False,
    diff: Show = True,
    write: Write = False,
    as_json: AsJson = False,
) -> None:
    """Write tests; with --run, only those that pass and that notice a change of the code are kept.

    Example: sidesight test src/cart.py:total --run --write
    """
    request = request_of(place, instruction=instruction, run=run)
    perform("test", request, as_json=as_json, show=diff, write=write)
