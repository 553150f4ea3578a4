"""`sidesight doc`: documentation whose facts come from the code."""

from __future__ import annotations

from lsp_server.cli.action import AsJson, Instruction, Place, Run, Show, Write, perform, request_of


def doc(
    place: Place,
    instruction: Instruction = "",
    run: Run = False,
    diff: Show = True,
    write: Write = False,
    as_json: AsJson = False,
) -> None:
    """Write documentation in the project's style; parameters, returns and raises are taken from the code.

    Of a name, of a file (all that is public and has none), or of a folder: its README, with what is in it.

    Example: sidesight doc src/cart.py:total --write
    """
    request = request_of(place, instruction=instruction, run=run)
    perform("document", request, as_json=as_json, show=diff, write=write)
