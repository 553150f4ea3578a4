"""Guess the next tokens from what came before: answers about code repeat it.

Prompt lookup (Saxena 2023): where the last tokens occurred earlier, what followed them then is the guess. The decoder
checks all of it in one step, which costs little more than one token as long as the weights' way from memory is what
takes the time. What it would not have said itself is dropped, so that the text is the same with and without, but where
two tokens are nearly as probable: 8-bit activations of many rows are not rounded exactly as those of one.

An edit says most of a text again and something else in places. So the place in the source is not given up where the
answer departs from it: the source is followed behind the token that was replaced, and the same token is replaced in
the guesses that follow, as the answer will if a name is being changed.
"""

from __future__ import annotations

from collections.abc import Sequence

# Tokens that must agree before a guess is made. Two agree by accident too often.
GRAM = 3
# Guessed at once at least, unless told otherwise, and at most: a step of 17 rows takes about twice the time of one.
SHORTEST, LONGEST = 4, 16
# Guesses in a row that may be wrong from their first token on before the source is given up.
PATIENCE = 2
# Tokens of the source in which the answer is looked for where it has left something out.
WINDOW = 8


class Lookup:
    """Of one sequence, which only grows."""

    def __init__(self, shortest: int = SHORTEST) -> None:
        self._shortest = shortest
        self._after: dict[tuple[int, ...], int] = {}
        self._indexed = GRAM
        self._length = shortest
        # Where in the sequence the next token is expected to stand already.
        self._source: int | None = None
        self._replaced: dict[int, int] = {}
        self._wrong = 0

    def guess(self, tokens: Sequence[int], limit: int) -> list[int]:
        """At most `limit` tokens that may follow `tokens`; how many of them did is to be told to `learn`."""
        # What follows the last gram is not known yet: it must not be found as its own occurrence.
        for end in range(self._indexed, len(tokens)):
            self._after[tuple(tokens[end - GRAM : end])] = end
        self._indexed = max(self._indexed, len(tokens))
        if self._source is None:
            self._source = self._after.get(tuple(tokens[-GRAM:]))
            self._wrong = 0
        if self._source is None:
            return []
        source = tokens[self._source : self._source + min(self._length, limit)]
        return [self._replaced.get(token, token) for token in source]

    def learn(self, tokens: Sequence[int], guessed: int, right: int) -> None:
        """Of the last guess so many were right; behind them, `tokens` end with what came instead, or next.

        Guess more after a guess that was right to its end, less after one that was not half right.
        """
        assert self._source is not None
        if right == guessed:
            self._length = min(2 * self._length, LONGEST)
        elif 2 * right < guessed:
            self._length = max(self._length // 2, self._shortest)
        self._source = self._followed(tokens, self._source + right, right > 0)

    def _followed(self, tokens: Sequence[int], place: int, right: bool) -> int | None:
        """Where the source goes on behind the last token, for which it has the one at `place`."""
        expected, came = tokens[place], tokens[-1]
        if right:
            self._wrong = 0
        if came == expected:
            self._replaced.pop(expected, None)
            return place + 1
        if came == self._replaced.get(expected):
            return place + 1
        self._wrong += 1
        if self._wrong > PATIENCE:
            return None
        if self._wrong == 1:
            self._replaced[expected] = came
            return place + 1
        # Not one token for another, then: something was left out, or put in.
        window = list(tokens[place : min(place + WINDOW, len(tokens) - 1)])
        return place + window.index(came) + 1 if came in window else place
