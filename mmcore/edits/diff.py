"""What changed between two texts: the edits that an editor makes, the unified diff that a person reads."""

from __future__ import annotations

import difflib
from itertools import accumulate

from mmcore.edits.lines import split_lines
from mmcore.text import position_at
from mmcore.types import Edit, Range


def line_edits(before: str, after: str) -> tuple[Edit, ...]:
    """Whole-line edits that turn `before` into `after`; empty where they are equal."""
    old, new = split_lines(before), split_lines(after)
    starts = list(accumulate((len(line) for line in old), initial=0))
    edits = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            span = Range(position_at(before, starts[a]), position_at(before, starts[b]))
            edits.append(Edit(span, "".join(new[c:d])))
    return tuple(edits)


def unified_diff(before: str, after: str, name: str, *, new_file: bool = False) -> str:
    """As `git apply` takes it; "" where nothing changed."""
    old, new = split_lines(before), split_lines(after)
    lines = difflib.unified_diff(old, new, "/dev/null" if new_file else f"a/{name}", f"b/{name}")
    cut = "\n\\ No newline at end of file\n"
    return "".join(line if line.endswith(("\n", "\r")) else line + cut for line in lines)
