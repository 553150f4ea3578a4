"""`sidesight fix`: mend a diagnostic or a failing test."""

from __future__ import annotations

from typing import Annotated

import typer

from lsp_server.cli.action import AsJson, Images, Instruction, Place, Run, Show, Write, perform, request_of


def fix(
    place: Place,
    instruction: Instruction = "",
    image: Images = None,
    diagnostic: Annotated[str, typer.Option(metavar="[LINE:] CODE MESSAGE", help="What a tool says about it.")] = "",
    failing: Annotated[
        str,
        typer.Option(
            "--failing-test",
            metavar="NODEID",
            help="A pytest node id; FILE::NAME (Vitest, Jest), PACKAGE::NAME (Go), a name (Cargo).",
        ),
    ] = "",
    run: Run = False,
    diff: Show = True,
    write: Write = False,
    as_json: AsJson = False,
) -> None:
    """Fix code, and check the fix before it is shown; without more, all that ruff says about the file.

    Example: sidesight fix src/cart.py:total --failing-test tests/test_cart.py::test_total --run
    """
    request = request_of(
        place, instruction=instruction, images=image, diagnostic=diagnostic, failing_test=failing, run=run
    )
    perform("fix", request, as_json=as_json, show=diff, write=write)
