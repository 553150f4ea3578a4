"""What is kept of earlier requests, and which of it goes first."""

from __future__ import annotations

import pytest
import torch
from transformers import Qwen2Config

from mmcore.host.transformers.kept import Kept, Run
from mmcore.host.transformers.prompts import Prompt

HEADS, SIZE, TOKENS = 1, 4, 32
BYTES = 2 * HEADS * SIZE * TOKENS * 4


@pytest.fixture
def kept() -> Kept:
    """With room for four sequences."""
    return Kept(Qwen2Config(num_hidden_layers=1), 4 * BYTES)


def computed(kept: Kept, first: int, workspace: str) -> Run:
    """A sequence whose tokens begin with `first`, as if a model of one layer had computed it."""
    run = kept.take(Prompt([first] * TOKENS, workspace=workspace))
    missing = TOKENS - run.computed
    part = torch.zeros(1, HEADS, missing, SIZE)
    run.cache.update(part, part, 0)
    return run


def test_a_busy_workspace_does_not_cost_a_quiet_one_its_prompt(kept: Kept) -> None:
    kept.put(computed(kept, 1, "quiet"))
    for first in range(2, 9):
        kept.put(computed(kept, first, "busy"))
    size, limit, sequences, evictions = kept.figures()
    assert (size, limit, sequences, evictions) == (limit, 4 * BYTES, 4, 4)
    assert kept.take(Prompt([1] * TOKENS, workspace="quiet")).computed == TOKENS - 1


def test_a_lone_workspace_keeps_what_it_used_last(kept: Kept) -> None:
    for first in range(6):
        kept.put(computed(kept, first, "lone"))
    found = {first: kept.take(Prompt([first] * TOKENS)).computed for first in range(6)}
    assert [first for first, count in found.items() if count] == [2, 3, 4, 5]


def test_a_sequence_that_is_gone_on_from_is_kept_once(kept: Kept) -> None:
    for _ in range(3):
        kept.put(computed(kept, 1, "lone"))
    assert kept.figures()[2] == 1
