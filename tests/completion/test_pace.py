from __future__ import annotations

import pytest

from mmcore.completion.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def typing(pace: Pace, clock: Clock, interval: float, keys: int = 10) -> None:
    for _ in range(keys):
        clock.now += interval
        pace.asked()


def test_before_anything_is_measured_the_setting_rules(clock: Clock) -> None:
    assert Pace(clock).pause_s(0.06) == 0.06


def test_an_engine_quicker_than_the_typing_is_asked_at_once(clock: Clock) -> None:
    pace = Pace(clock)
    typing(pace, clock, 0.2)
    pace.answered(3, 0.05)
    assert pace.pause_s(0.06) == 0.0


def test_a_slow_engine_is_asked_in_a_pause(clock: Clock) -> None:
    pace = Pace(clock)
    typing(pace, clock, 0.2)
    pace.answered(3, 0.9)
    assert pace.pause_s(0.06) == 0.06
    assert pace.pause_s(0.5) == pytest.approx(0.2)


def test_thinking_is_not_typing(clock: Clock) -> None:
    pace = Pace(clock)
    typing(pace, clock, 0.1)
    typing(pace, clock, 30.0)
    assert pace.typing_interval == pytest.approx(0.1)


@pytest.mark.parametrize(("speed", "budget"), [(60, 256), (120, 256), (700, 1024), (5000, 1536)])
def test_a_slow_machine_gets_a_smaller_prompt(clock: Clock, speed: int, budget: int) -> None:
    pace = Pace(clock)
    pace.answered(500, 500 / speed)
    assert pace.prompt_tokens(1536, hurry=True) == budget


def test_the_first_prompt_is_small_unless_someone_waits_for_it(clock: Clock) -> None:
    pace = Pace(clock)
    assert pace.prompt_tokens(1536, hurry=True) == 256
    assert pace.prompt_tokens(1536, hurry=False) == 1536


def test_the_budget_does_not_follow_every_measurement(clock: Clock) -> None:
    pace = Pace(clock)
    pace.answered(700, 1.0)
    budgets = set()
    for speed in (600, 800, 650, 900, 700):
        pace.answered(700, 700 / speed)
        budgets.add(pace.prompt_tokens(8192, hurry=True))
    assert len(budgets) == 1


def test_a_prompt_that_was_given_up_tells_how_slow_the_machine_is(clock: Clock) -> None:
    pace = Pace(clock)
    pace.answered(1000, 1.0)
    for _ in range(10):
        pace.gave_up(500, 5.0)
    assert pace.prompt_tokens(1536, hurry=True) == 256
    quick = Pace(clock)
    quick.answered(100, 1.0)
    quick.gave_up(500, 1.0)
    assert quick.prefill_speed == pytest.approx(100)


def test_the_request_for_which_a_model_was_loaded_is_soon_forgotten(clock: Clock) -> None:
    pace = Pace(clock)
    typing(pace, clock, 0.2)
    pace.answered(8, 5.0)
    pace.answered(2, 0.05)
    assert pace.pause_s(0.06) == 0.0
