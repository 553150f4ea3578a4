"""Keep the front of a prompt as the engine has it cached, while what stands there has hardly changed."""

from __future__ import annotations

from mmcore.completion.place import closed_by_editor
from mmcore.completion.window import Window


def steady(last: Window | None, now: Window) -> Window:
    """`now`, with the suffix of `last` where the two differ only in closers that the editor set behind the cursor.

    The suffix stands before the prefix: one bracket that the editor closes by itself would have the whole prompt
    computed again. What the completion must not repeat is decided by the true suffix, when it is trimmed.
    """
    if last is None or last.suffix == now.suffix:
        return now
    if closed_by_editor(last.suffix, now.suffix) or closed_by_editor(now.suffix, last.suffix):
        return Window(now.prefix, last.suffix)
    return now
