"""`sidesight review`: faults in a piece of code."""

from __future__ import annotations

from lsp_server.cli.action import AsJson, Instruction, Place, perform, request_of


def review(
    place: Place,
    instruction: Instruction = "",
    as_json: AsJson = False,
) -> None:
    """Look for faults; each finding points at a line that is there.

    Example: sidesight review src/cart.py:10-60
    """
    request = request_of(place, instruction=instruction)
    perform("review", request, as_json=as_json)
