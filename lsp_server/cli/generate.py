"""`sidesight generate`: new code, checked before it is shown."""

from __future__ import annotations

from lsp_server.cli.action import AsJson, Images, Instruction, Place, Run, Show, Write, perform, request_of


def generate(
    place: Place,
    instruction: Instruction = "",
    image: Images = None,
    run: Run = False,
    diff: Show = True,
    write: Write = False,
    as_json: AsJson = False,
) -> None:
    """Write new code from an instruction, a comment above, a selection or a picture.

    Example: sidesight generate src/cart.py:12 -i 'a function that applies a voucher' --write
    """
    request = request_of(place, instruction=instruction, images=image, run=run)
    perform("generate", request, as_json=as_json, show=diff, write=write)
