"""`sidesight explain`: what a piece of code does."""

from __future__ import annotations

from lsp_server.cli.action import AsJson, Instruction, Place, perform, request_of


def explain(
    place: Place,
    instruction: Instruction = "",
    as_json: AsJson = False,
) -> None:
    """Explain code.

    Example: sidesight explain src/cart.py:total -i 'why is it a class?'
    """
    request = request_of(place, instruction=instruction)
    perform("explain", request, as_json=as_json)
