"""What of a request is computed in a step, and when its next tokens are guessed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmcore.engine.base import Sampling
from mmcore.host.openvino.converted import convert
from mmcore.host.openvino.drafts import Drafts
from mmcore.host.openvino.generation import PATIENCE, Generation, Prompt
from mmcore.host.openvino.tokens import Vocabulary
from tests.host.openvino.tiny import TinyModel

PROMPT = (40, 41, 42, 43)
# What the model says, and what it never does.
SAID, NEVER = 50, 60


@pytest.fixture
def vocabulary(tiny_model: TinyModel, own_cache: Path) -> Vocabulary:
    return Vocabulary(convert(tiny_model.path).tokenizer)


@pytest.fixture
def drafts() -> Drafts:
    drafts = Drafts()
    drafts.read([*PROMPT, *range(70, 80)], 0)
    return drafts


def generation(vocabulary: Vocabulary, prompt: Prompt, max_tokens: int = 100) -> Generation:
    return Generation(prompt, Sampling(max_tokens), False, vocabulary, 1000, lambda event: None, "")


def accept(one: Generation, drafts: Drafts, token: int) -> int:
    """A step of a model that says `token` wherever it is asked; returns how many tokens were guessed."""
    piece = one.piece(100, drafts, 4)
    logits = np.zeros((piece.wanted, 256), np.float32)
    logits[:, token] = 1
    one.accept(piece, logits)
    return piece.wanted - 1


def test_the_first_token_comes_with_what_other_texts_had_behind_it(vocabulary: Vocabulary, drafts: Drafts) -> None:
    piece = generation(vocabulary, Prompt(PROMPT)).piece(100, drafts, 4)
    assert (piece.tokens, piece.wanted) == ([*PROMPT, 70, 71, 72, 73], 5)


def test_nothing_is_drafted_behind_a_part_of_the_prompt(vocabulary: Vocabulary, drafts: Drafts) -> None:
    piece = generation(vocabulary, Prompt(PROMPT)).piece(2, drafts, 4)
    assert (piece.tokens, piece.wanted) == (list(PROMPT[:2]), 0)


def test_nothing_is_drafted_while_a_cut_word_is_spelled(vocabulary: Vocabulary, drafts: Drafts) -> None:
    piece = generation(vocabulary, Prompt(PROMPT, b"re", 5)).piece(100, drafts, 4)
    assert piece.tokens == list(PROMPT)


@pytest.mark.parametrize(("drafted", "max_tokens", "expected"), [(0, 100, 0), (2, 100, 2), (4, 3, 2), (4, 1, 0)])
def test_no_more_is_drafted_than_may_be_said(
    vocabulary: Vocabulary, drafts: Drafts, drafted: int, max_tokens: int, expected: int
) -> None:
    one = generation(vocabulary, Prompt(PROMPT), max_tokens)
    assert one.piece(100, drafts, drafted).wanted == 1 + expected


def test_what_was_drafted_right_is_not_computed_again(vocabulary: Vocabulary, drafts: Drafts) -> None:
    one = generation(vocabulary, Prompt(PROMPT))
    piece = one.piece(100, drafts, 4)
    logits = np.zeros((5, 256), np.float32)
    for row, token in zip(logits, (70, 71, SAID, NEVER, NEVER), strict=True):
        row[token] = 1
    one.accept(piece, logits)
    assert one.tokens == [*PROMPT, 70, 71, SAID]
    assert one.computed == len(PROMPT) + 2
    assert (one.guessed, one.guessed_right) == (4, 2)


def test_the_model_that_never_says_what_is_drafted_is_left_alone(vocabulary: Vocabulary, drafts: Drafts) -> None:
    """Each token that it says is new, and behind each stands something else that it does not say."""
    others = list(range(100, 140))
    for token in others:
        drafts.read([token, NEVER], 0)
    one = generation(vocabulary, Prompt((*PROMPT[:1], others[0])))
    guessed = [accept(one, drafts, token) for token in others[1:]]
    assert all(guessed[:PATIENCE])
    assert not any(guessed[PATIENCE:])


def test_a_draft_that_is_right_gives_the_next_ones_their_chance(vocabulary: Vocabulary, drafts: Drafts) -> None:
    others = list(range(100, 140))
    for token in others:
        drafts.read([token, NEVER], 0)
    one = generation(vocabulary, Prompt((*PROMPT[:1], others[0])))
    for token in others[1:PATIENCE]:
        assert accept(one, drafts, token)
    assert accept(one, drafts, NEVER)
    assert one.guessed_right
    for token in others[PATIENCE : 2 * PATIENCE]:
        drafts.read([one.tokens[-1], 7], 0)
        assert accept(one, drafts, token)
