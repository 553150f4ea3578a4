"""What is drafted from what was read before."""

from __future__ import annotations

import pytest

from mmcore.host.openvino.drafts import Drafts


@pytest.fixture
def drafts() -> Drafts:
    return Drafts()


def test_who_has_read_nothing_drafts_nothing(drafts: Drafts) -> None:
    assert drafts.guess([1, 2, 3], 4) == []
    assert drafts.guess([], 4) == []


def test_what_another_text_said_next_is_drafted(drafts: Drafts) -> None:
    drafts.read([7, 10, 11, 12, 13, 14, 15], 0)
    assert drafts.guess([1, 2, 10, 11], 3) == [12, 13, 14]


@pytest.mark.parametrize("limit", [0, 1, 4])
def test_never_more_than_asked_for(drafts: Drafts, limit: int) -> None:
    drafts.read(list(range(10, 30)), 0)
    assert drafts.guess([10], limit) == list(range(11, 11 + limit))


def test_a_draft_ends_where_nothing_was_read(drafts: Drafts) -> None:
    drafts.read([10, 11, 12], 0)
    assert drafts.guess([10], 4) == [11, 12]


def test_more_tokens_before_outweigh_what_came_last(drafts: Drafts) -> None:
    drafts.read([1, 2, 3, 50], 0)
    drafts.read([9, 3, 60], 0)
    assert drafts.guess([1, 2, 3], 1) == [50]
    assert drafts.guess([8, 3], 1) == [60]


def test_what_came_last_outweighs_what_came_before(drafts: Drafts) -> None:
    drafts.read([1, 2, 3, 50, 1, 2, 3, 60], 0)
    assert drafts.guess([1, 2, 3], 1) == [60]


def test_a_text_read_in_parts_counts_as_one(drafts: Drafts) -> None:
    text = list(range(100, 120))
    for end in range(len(text) + 1):
        drafts.read(text[:end], max(end - 1, 0))
    whole = Drafts()
    whole.read(text, 0)
    assert drafts._entries == whole._entries


def test_only_what_is_new_is_read(drafts: Drafts) -> None:
    drafts.read([10, 11, 12, 13, 14, 15], 4)
    assert drafts.guess([10], 1) == drafts.guess([11, 12], 1) == []
    assert drafts.guess([12, 13], 2) == [14, 15]


def test_contexts_that_share_a_slot_are_told_apart(drafts: Drafts) -> None:
    """More contexts than there are slots: of two in one slot the later has it, and the earlier is not taken for it."""
    texts = [[2 * number, 2 * number + 1, number] for number in range(200_000)]
    for text in texts:
        drafts.read(text, 0)
    found = [drafts.guess(text[:2], 1) for text in texts]
    assert all(guess in ([], text[2:]) for guess, text in zip(found, texts, strict=True))
    assert any(found)
    assert not all(found)
