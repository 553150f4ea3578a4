"""Decide from what was measured how long to wait for a pause in typing, and how long a prompt may be."""

from __future__ import annotations

from collections.abc import Callable

# Share of a new measurement in the running mean: about the last five requests count.
_WEIGHT = 0.3
# A longer interval between two requests is thinking, not typing.
_LONGEST_INTERVAL_S = 1.0
# Fewer computed tokens than this say nothing about the speed of prefill: start-up and sampling outweigh them.
_LEAST_TOKENS = 64
# Seconds that a prompt may take which shares nothing with the one before (the cursor jumped, a file was opened).
_COLD_S = 1.5
# Before it is measured: 2 s with the 0.5B on two cores and llama.cpp (128 tokens/s).
_BEFORE_MEASURED = 256
# Prompt budgets step by powers of two: each change of budget moves the window and costs one cold prompt.
_STEPS = (256, 512, 1024, 2048, 4096, 8192)


class Pace:
    """Learns from each request; all times in seconds, speeds in tokens a second."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last_request: float | None = None
        self.typing_interval: float | None = None
        self.answer_time: float | None = None
        self.prefill_speed: float | None = None
        self._budget: int | None = None

    def asked(self) -> None:
        """A request came: one key was pressed."""
        now = self._clock()
        if self._last_request is not None and (interval := now - self._last_request) < _LONGEST_INTERVAL_S:
            self.typing_interval = _mean(self.typing_interval, interval)
        self._last_request = now

    def answered(self, computed_tokens: int, first_text_s: float) -> None:
        """A prompt of which `computed_tokens` were not cached gave its first text after `first_text_s`."""
        if computed_tokens >= _LEAST_TOKENS:
            self.prefill_speed = _mean(self.prefill_speed, computed_tokens / max(first_text_s, 1e-3))
        else:
            self.answer_time = _time(self.answer_time, first_text_s)

    def gave_up(self, computed_tokens: int, waited_s: float) -> None:
        """A prompt of which at most `computed_tokens` were not cached had given nothing when it was ended."""
        fastest = computed_tokens / max(waited_s, 1e-3)
        if self.prefill_speed is None or fastest < self.prefill_speed:
            self.prefill_speed = _mean(self.prefill_speed, fastest)

    def pause_s(self, longest_s: float) -> float:
        """How long to wait for the next key before the engine is asked.

        Not at all where the answer comes before the next key would; else `longest_s`, but no longer than a key takes.
        """
        if self.answer_time is None or self.typing_interval is None:
            return longest_s
        return 0.0 if self.answer_time <= self.typing_interval else min(longest_s, self.typing_interval)

    def prompt_tokens(self, limit: int, *, hurry: bool) -> int:
        """The budget of a prompt: at most `limit`, and what this machine computes in time.

        `hurry`: an answer that comes late is worth nothing, so that a small prompt goes first to measure the speed.
        """
        if self.prefill_speed is None:
            return min(limit, _BEFORE_MEASURED) if hurry else limit
        affordable = self.prefill_speed * _COLD_S
        if self._budget is None or not 0.8 * self._budget <= affordable < 2.5 * self._budget:
            self._budget = max((step for step in _STEPS if step <= affordable), default=_STEPS[0])
        return min(limit, self._budget)


def _mean(mean: float | None, value: float) -> float:
    return value if mean is None else mean + _WEIGHT * (value - mean)


def _time(mean: float | None, value: float) -> float:
    """A running mean of times that forgets at once the one request for which a model was loaded."""
    return value if mean is None or value < mean / 4 else _mean(mean, value)
