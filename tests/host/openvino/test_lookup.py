"""How many steps an answer takes when its tokens are guessed from what came before."""

from __future__ import annotations

import pytest

from mmcore.host.openvino.lookup import GRAM, LONGEST, SHORTEST, Lookup

# Tokens that all differ, as the lines of a function do.
TEXT = list(range(100, 220))


def steps(prompt: list[int], answer: list[int]) -> int:
    """As a decoder takes them whose model says `answer`."""
    lookup, tokens, count = Lookup(), list(prompt), 0
    while rest := answer[len(tokens) - len(prompt) :]:
        guess = lookup.guess(tokens, len(rest) - 1)
        right = next((i for i, (a, b) in enumerate(zip(guess, rest, strict=False)) if a != b), len(guess))
        tokens += rest[: right + 1]
        if guess:
            lookup.learn(tokens, len(guess), right)
        count += 1
    return count


def test_a_text_that_is_said_again_takes_a_step_for_many_tokens() -> None:
    assert steps(TEXT, TEXT) <= GRAM + 3 + len(TEXT) // LONGEST


def test_a_text_that_is_new_takes_a_step_a_token() -> None:
    new = [token + 1000 for token in TEXT]
    assert steps(TEXT, new) == len(new)


def test_a_guess_is_never_longer_than_what_may_still_be_said() -> None:
    lookup = Lookup()
    tokens = [*TEXT, *TEXT[:GRAM]]
    assert [len(lookup.guess(tokens, limit)) for limit in (0, 2, 100)] == [0, 2, SHORTEST]


def test_who_begins_with_one_token_guesses_more_each_time_that_it_was_right() -> None:
    lookup, tokens, lengths = Lookup(shortest=1), [*TEXT, *TEXT[:GRAM]], []
    for wrong in (False, False, False, True, True, False):
        guess = lookup.guess(tokens, 100)
        lengths.append(len(guess))
        right = 0 if wrong else len(guess)
        said = len(tokens) - len(TEXT)
        tokens += [1] if wrong else TEXT[said : said + right + 1]
        lookup.learn(tokens, len(guess), right)
    assert lengths == [1, 2, 4, 8, 4, 2]


def test_one_name_for_another_is_learnt_once() -> None:
    """Every sixth token is the name; only the first time it costs a step more."""
    old, new = 1, 2
    text = [old if place % 6 == 5 else token for place, token in enumerate(TEXT)]
    answer = [new if token == old else token for token in text]
    assert steps(text, answer) <= steps(text, text) + 2


@pytest.mark.parametrize("at", [20, 60])
def test_the_source_is_followed_past_what_was_left_out_or_put_in(at: int) -> None:
    same = steps(TEXT, TEXT)
    assert steps(TEXT, TEXT[:at] + TEXT[at + 4 :]) <= same + 4
    assert steps(TEXT, [*TEXT[:at], 1, *TEXT[at:]]) <= same + 4
    assert steps(TEXT, [*TEXT[:at], *range(1, 20), *TEXT[at:]]) <= same + 19 + GRAM + 2


def test_a_source_that_is_no_source_is_given_up() -> None:
    """Three tokens agree by accident, again and again; what follows them never does."""
    answer = [token for start in range(0, 90, 9) for token in (*TEXT[start : start + 3], *range(start, start + 6))]
    lookup, tokens, guessed = Lookup(), list(TEXT), 0
    for token in answer:
        guess = lookup.guess(tokens, 100)
        guessed += bool(guess)
        tokens.append(token)
        if guess:
            lookup.learn(tokens, len(guess), 0)
    assert guessed < len(answer) / 2
