"""Guess the next tokens from everything that a model has read and written: code says the same in many places.

A table of what came last behind the same one to three tokens, which grows with every prompt, so that it soon knows the
idioms of a project. It is the source of a draft (Leviathan et al. 2023, "Fast Inference from Transformers via
Speculative Decoding"; of text instead of a small model: He et al. 2023, "REST: Retrieval-Based Speculative Decoding"),
which the decoder checks in one step as it does those of `lookup`. Against `lookup`, which copies long passages of the
one text, it is wrong more often and has something to say nearly always.

What it saves on real code is in bench/results/guessing.md. The last successor serves as well as the most frequent one,
and what was read here as well as a table made of many other projects, once some files of a project have been read.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

# Tokens that an entry stands behind, at most.
LONGEST = 3
# Two megabytes: a fuller table forgets sooner what was read long ago.
SLOT_BITS = 18
# A token's number, in the low bits of an entry; above them is what of the hash tells contexts apart.
TOKEN_BITS = 20
_FACTOR = 0x9E3779B97F4A7C15


class Drafts:
    """Of one model, whoever asks it: what a guess was made of cannot be seen in the text."""

    def __init__(self) -> None:
        self._entries = array("Q", bytes(8 << SLOT_BITS))

    def read(self, tokens: Sequence[int], begin: int) -> None:
        """Those from `begin` on are new."""
        for place in range(max(begin, 1), len(tokens)):
            for context in _contexts(tokens, place):
                self._entries[context >> (64 - SLOT_BITS)] = context >> TOKEN_BITS << TOKEN_BITS | tokens[place]

    def guess(self, tokens: Sequence[int], limit: int) -> list[int]:
        """At most `limit` tokens that may follow `tokens`."""
        known = list(tokens[-LONGEST:])
        begin = len(known)
        while len(known) - begin < limit and (token := self._following(known)) is not None:
            known.append(token)
        return known[begin:]

    def _following(self, tokens: Sequence[int]) -> int | None:
        """What came last behind as many of the last tokens as possible."""
        for context in reversed([*_contexts(tokens, len(tokens))]):
            entry = self._entries[context >> (64 - SLOT_BITS)]
            if entry >> TOKEN_BITS == context >> TOKEN_BITS:
                return entry & ((1 << TOKEN_BITS) - 1)
        return None


def _contexts(tokens: Sequence[int], place: int) -> Iterator[int]:
    """Hashes, in 64 bits, of the last token before `place`, of the last two, and so on (Fibonacci hashing)."""
    context = 0
    for token in reversed(tokens[max(place - LONGEST, 0) : place]):
        context = (context ^ (token + 1)) * _FACTOR & 0xFFFF_FFFF_FFFF_FFFF
        yield context
