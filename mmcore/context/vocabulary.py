"""The words of a workspace's code: what a picture of it is likely to show."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from mmcore.context.document import language_of
from mmcore.context.files import walk

PLAIN = "plaintext"
WORD = re.compile(rb"[A-Za-z_]\w{2,}")
# So much is read in about half a second.
MOST_FILES, MOST_BYTES, MOST_WORDS = 1_000, 100_000, 50_000


def words_of(roots: Sequence[Path]) -> frozenset[str]:
    """The names and other words of three letters and more in the code below `roots`; of a large workspace, a part."""
    found: set[bytes] = set()
    for root in roots:
        code = (path for path in walk(root) if language_of(path) != PLAIN)
        for path in islice(code, MOST_FILES):
            try:
                with path.open("rb") as file:
                    found.update(WORD.findall(file.read(MOST_BYTES)))
            except OSError:
                continue  # gone meanwhile, or not ours to read
            if len(found) > MOST_WORDS:
                break
    return frozenset(word.decode("ascii", "ignore") for word in islice(found, MOST_WORDS))
