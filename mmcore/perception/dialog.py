"""Tell the parts of a dialog: its title, what it says, its buttons."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from mmcore.types import Region

# The signs that close a window stand at the end of its title.
CLOSING = re.compile(r"(?:\s+[xX×✕✖☓–—□-])+$|^[xX×✕✖]$")
# Of the width of the dialog: a title bar is as wide, a button is not.
BAR = 0.7
# A title stands in the upper part of a dialog that says something below it.
UPPER = 0.45


def describe_dialog(regions: Sequence[Region]) -> tuple[Region, ...]:
    """The regions of a picture that has buttons and no fields, with title and message told apart."""
    left, right = min(r.box[0] for r in regions), max(r.box[2] for r in regions)
    top, bottom = min(r.box[1] for r in regions), max(r.box[3] for r in regions)
    named = [
        replace(r, kind="text") if r.kind == "button" and r.box[2] - r.box[0] > BAR * (right - left) else r
        for r in regions
    ]
    written = [(r, CLOSING.sub("", r.text).strip()) for r in named if r.kind not in ("button", "field", "check")]
    # An icon is read as a sign or not at all.
    written = [(r, text) for r, text in written if len(text) > 1 or text.isalnum()]
    parts: list[Region] = [r for r in named if r.kind in ("button", "field", "check")]
    if len(written) > 1 and written[0][0].box[1] < top + UPPER * (bottom - top):
        first, text = written.pop(0)
        parts.append(replace(first, kind="title", text=text))
    if written:
        boxes = [r.box for r, _ in written]
        box = (min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes))
        kind = "error" if any(r.kind == "error" for r, _ in written) else "message"
        # An icon at the head of the message is read as a sign or a letter.
        text = re.sub(r"^[!?iX✕⚠①] ?(?=[A-Z])", "", " ".join(text for _, text in written))
        parts.append(Region(kind, text, box))
    return tuple(sorted(parts, key=lambda region: (region.box[1], region.box[0])))
