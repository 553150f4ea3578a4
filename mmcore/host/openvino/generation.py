"""One request while its tokens are computed: what is known of it, what comes next, and where it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mmcore.engine.base import Sampling
from mmcore.errors import EngineError
from mmcore.host.openvino.decoder import Piece
from mmcore.host.openvino.drafts import Drafts
from mmcore.host.openvino.lookup import SHORTEST, Lookup
from mmcore.host.openvino.sampling import Sampler, log_probability
from mmcore.host.openvino.text import Text
from mmcore.host.openvino.tokens import Vocabulary
from mmcore.types import Chunk, Usage

# Drafts in a row of which not even the first token may be right before no more are made for an answer.
PATIENCE = 12


@dataclass(frozen=True, slots=True)
class Prompt:
    """Tokens to continue. What is generated must first spell `taken_back`, which is not part of the answer."""

    tokens: tuple[int, ...]
    taken_back: bytes = b""
    count: int = 0


def heal(tokens: Sequence[int], vocabulary: Vocabulary, most: int = 1) -> Prompt:
    """Take back the last tokens, because a word cut by the cursor is not written in the tokens of the whole word.

    Token healing (Lundberg 2023): what comes instead may be longer than what was taken back, not different. A line
    that has just begun is no cut word: taken back, its end comes again as that of an empty line too, which models like.
    """
    begin = len(tokens)
    if tokens and vocabulary.bytes_of(tokens[-1]).endswith(b"\n"):
        return Prompt(tuple(tokens), b"", len(tokens))
    while begin > 1 and len(tokens) - begin < most and vocabulary.bytes_of(tokens[begin - 1]):
        begin -= 1
    return Prompt(tuple(tokens[:begin]), b"".join(map(vocabulary.bytes_of, tokens[begin:])), len(tokens))


class Generation:
    """`computed` of its `tokens` have their keys and values in `pages`. Only the worker's thread changes it.

    `paused` and `closed` are set under the worker's lock by whoever reads the answer, through `deliver`.
    """

    # Off only where what it saves is measured.
    guessing = True

    def __init__(
        self,
        prompt: Prompt,
        sampling: Sampling,
        logprobs: bool,
        vocabulary: Vocabulary,
        context_tokens: int,
        deliver: Callable[[Chunk | EngineError], None],
        workspace: str,
        shortest: int = SHORTEST,
    ) -> None:
        """`shortest`: tokens that are looked up at once, before it is known how well that goes."""
        self.tokens = list(prompt.tokens)
        self.computed = 0
        self.pages: list[int] = []
        self.paused = self.closed = False
        self.deliver = deliver
        self.workspace = workspace
        self.most_tokens = min(len(self.tokens) + len(prompt.taken_back) + sampling.max_tokens, context_tokens)
        self._prompt = prompt
        self._max_tokens = sampling.max_tokens
        self._logprobs = logprobs
        self._vocabulary = vocabulary
        self._sampler = Sampler(sampling)
        self._lookup = Lookup(shortest)
        self._text = Text(sampling.stop, len(prompt.taken_back))
        self._to_spell = prompt.taken_back
        self._guess: list[int] = []
        self._looked_up = False
        self._read = 0
        self._misses = 0
        self._cached = 0
        self.generated = self.guessed = self.guessed_right = 0

    def begin_at(self, known: int) -> None:
        """The first `known` tokens were computed earlier."""
        self.computed = self._cached = self._read = known

    @property
    def decoding(self) -> bool:
        """Only the token that was generated last is missing."""
        return len(self.tokens) - self.computed == 1 and self.generated > 0

    def piece(self, most: int, drafts: Drafts, drafted: int) -> Piece:
        """What to compute next: at most `most` tokens of the prompt, or the last token and a guess of what follows.

        `drafts` may guess `drafted` tokens where the sequence's own text tells none.
        """
        pending = self.tokens[self.computed : self.computed + most]
        last = self.computed + len(pending) == len(self.tokens)
        self._guess = []
        if last and self.guessing and not self._to_spell:
            drafts.read(self.tokens, self._read)
            self._read = len(self.tokens)
            room = min(self.most_tokens - len(self.tokens), self._max_tokens - self.generated) - 1
            self._guess = self._lookup.guess(self.tokens, room)
            self._looked_up = bool(self._guess)
            if not self._guess and self._misses < PATIENCE:
                self._guess = drafts.guess(self.tokens, min(drafted, room))
        return Piece([*pending, *self._guess], self.computed, self.pages, 1 + len(self._guess) if last else 0)

    def accept(self, piece: Piece, logits: NDArray[np.float32]) -> Literal["stop", "length"] | None:
        """Take in what was computed, a row of logits for each wanted token; returns why it ended, where it did."""
        self.computed += len(piece.tokens) - len(self._guess)
        if not piece.wanted:
            return None
        if not self._max_tokens:
            return "length"
        right = 0
        for row, following in zip(logits, [*self._guess, None], strict=True):
            token = self._draw(row)
            if token in self._vocabulary.control:
                return "stop"
            if self._text.stopped:
                return "stop"
            if self.generated == self._max_tokens or len(self.tokens) >= self.most_tokens:
                return "length"
            if token != following:
                break
            right += 1
            self.computed += 1
        self._learn(right)
        return None

    def _learn(self, right: int) -> None:
        """So many tokens of the last guess were."""
        self.guessed += len(self._guess)
        self.guessed_right += right
        if self._looked_up:
            self._lookup.learn(self.tokens, len(self._guess), right)
        elif self._guess:
            self._misses = 0 if right else self._misses + 1

    def chunk(self, finish_reason: Literal["stop", "length"] | None) -> Chunk | None:
        """What the reader may have now."""
        text, numbers = self._text.finish() if finish_reason else self._text.take()
        numbers = numbers if self._logprobs else ()
        usage = Usage(self._prompt.count or len(self._prompt.tokens), self._cached, self.generated)
        return Chunk(text, finish_reason, usage, numbers) if text or finish_reason else None

    def _draw(self, row: NDArray[np.float32]) -> int:
        allowed = self._vocabulary.beginning_with(self._to_spell) if self._to_spell else None
        token = self._sampler.draw(row, allowed)
        if token in self._vocabulary.control:
            return token
        spelling = self._vocabulary.bytes_of(token)
        self._to_spell = self._to_spell[len(spelling) :]
        self.generated += 1
        self.tokens.append(token)
        self._text.add(spelling, log_probability(row, token) if self._logprobs else 0.0)
        return token
