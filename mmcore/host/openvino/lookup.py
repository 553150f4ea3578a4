"""Guess the next tokens from what came before: answers about code repeat it.

Prompt lookup (Saxena 2023): where the last tokens occurred earlier, what followed them then is the guess. The decoder
checks all of it in one step, which costs little more than one token as long as the weights' way from memory is what
takes the time; what it would not have said itself is dropped, so that the text is the same with and without.
"""

from __future__ import annotations

from collections.abc import Sequence

# Tokens that must agree before a guess is made. Two agree by accident too often.
GRAM = 3
# Guessed at once at least and at most: a step of 17 rows takes about 1.5 times that of one.
SHORTEST, LONGEST = 4, 16


class Lookup:
    """Of one sequence, which only grows."""

    # Off only where what it saves is measured.
    enabled = True

    def __init__(self) -> None:
        self._after: dict[tuple[int, ...], int] = {}
        self._indexed = GRAM
        self._length = SHORTEST

    def guess(self, tokens: Sequence[int], limit: int) -> list[int]:
        """At most `limit` tokens that may follow `tokens`."""
        # What follows the last gram is not known yet: it must not be found as its own occurrence.
        for end in range(self._indexed, len(tokens)):
            self._after[tuple(tokens[end - GRAM : end])] = end
        self._indexed = max(self._indexed, len(tokens))
        begin = self._after.get(tuple(tokens[-GRAM:])) if self.enabled else None
        return [] if begin is None else list(tokens[begin : begin + min(self._length, limit)])

    def learn(self, guessed: int, right: int) -> None:
        """Guess more after a guess that was right to its end, less after one that was not half right."""
        if right == guessed:
            self._length = min(2 * self._length, LONGEST)
        elif 2 * right < guessed:
            self._length = max(self._length // 2, SHORTEST)
