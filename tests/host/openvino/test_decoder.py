"""The graph computes what the model's formulas say, however its tokens are cut into steps and pages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from mmcore.host.openvino import decoder as module
from mmcore.host.openvino.converted import convert
from mmcore.host.openvino.decoder import Decoder, Piece
from mmcore.host.openvino.graph import CANDIDATES, PAGE
from tests.host.openvino.tiny import TinyModel

TOKENS = [int(token) for token in np.random.default_rng(1).integers(0, 256, 3 * PAGE + 5)]


@pytest.fixture
def decoder(tiny_model: TinyModel, own_cache: Path) -> Decoder:
    converted = convert(tiny_model.path)
    return Decoder(converted.architecture, converted, 0, 0, 40 * PAGE)


def step(decoder: Decoder, tokens: Sequence[int], past: int, pages: Sequence[int]) -> NDArray[np.float32]:
    return decoder.step([Piece(tokens, past, pages, len(tokens))]).copy()


def same(computed: NDArray[np.float32], expected: NDArray[np.float32]) -> bool:
    """Alike but for bfloat16 and weights: of 8 bits for the likely tokens, of 4 for the rest."""
    likely = np.argsort(-expected)[:, : CANDIDATES // 2]
    exact = lost(np.take_along_axis(computed, likely, 1), np.take_along_axis(expected, likely, 1))
    return exact < 0.05 and lost(computed, expected) < 0.15


def lost(computed: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """The error beside what is there."""
    return float(np.linalg.norm(computed - expected) / np.linalg.norm(expected))


def test_what_rows_cost_is_measured_after_their_first_step(decoder: Decoder, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    done: list[int] = []

    def step(pieces: Sequence[Piece]) -> None:
        nonlocal now
        rows = pieces[0].wanted
        now += 100 if rows not in done else 10 + 2 * rows
        done.append(rows)

    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: now))
    monkeypatch.setattr(decoder, "step", step)
    assert decoder.slowdown(7) == 24 / 12


def test_logits_are_those_of_the_formulas(decoder: Decoder, tiny_model: TinyModel) -> None:
    assert same(step(decoder, TOKENS, 0, range(4)), tiny_model.logits(TOKENS))


def test_other_tokens_have_other_logits(decoder: Decoder, tiny_model: TinyModel) -> None:
    assert not same(step(decoder, TOKENS[::-1], 0, range(4)), tiny_model.logits(TOKENS))


def test_a_prompt_in_steps_gives_the_same_as_whole(decoder: Decoder, tiny_model: TinyModel) -> None:
    pages = [9, 3, 17, 0]
    rows = [
        step(decoder, TOKENS[a:b], a, pages) for a, b in ((0, 40), (40, 41), (41, 3 * PAGE), (3 * PAGE, len(TOKENS)))
    ]
    assert same(np.concatenate(rows), tiny_model.logits(TOKENS))


def test_sequences_of_one_step_do_not_see_each_other(decoder: Decoder, tiny_model: TinyModel) -> None:
    other = TOKENS[::-1][:50]
    pieces = [Piece(TOKENS, 0, [0, 1, 2, 3], len(TOKENS)), Piece(other, 0, [4, 5], 50)]
    logits = decoder.step(pieces)
    assert same(logits[: len(TOKENS)], tiny_model.logits(TOKENS))
    assert same(logits[len(TOKENS) :], tiny_model.logits(other))


def test_only_wanted_rows_come(decoder: Decoder, tiny_model: TinyModel) -> None:
    logits = decoder.step([Piece(TOKENS, 0, [0, 1, 2, 3], 0), Piece(TOKENS, 0, [4, 5, 6, 7], 2)])
    assert len(logits) == 2
    assert same(logits, tiny_model.logits(TOKENS)[-2:])


def test_a_copied_page_goes_on_as_its_own(decoder: Decoder, tiny_model: TinyModel) -> None:
    step(decoder, TOKENS[:20], 0, [0])
    decoder.copy_page(0, 1)
    other = TOKENS[:20] + TOKENS[30:40]
    step(decoder, TOKENS[20:30], 20, [0])
    assert same(step(decoder, other[20:], 20, [1]), tiny_model.logits(other)[20:])
    assert same(step(decoder, TOKENS[30:32], 30, [0]), tiny_model.logits(TOKENS[:32])[30:])
