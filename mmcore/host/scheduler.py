"""Who computes now: completions before chats, and no chat for ever behind completions.

A completion is what a programmer waits for between two keystrokes, a chat runs for a minute. So a chat is paused while
completions are in flight. After `PATIENCE` completions, or `PATIENCE_S` seconds, it has a turn of `TURN_TOKENS` tokens
or `TURN_S` seconds beside them (beside, so that they never wait for it), and then makes way again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from mmcore.engine.turn import Turn

PATIENCE = 4
PATIENCE_S = 5.0
TURN_TOKENS = 16
TURN_S = 2.0


class Scheduler:
    """One for all models of a host: they share the same cores."""

    def __init__(self, on_preemption: Callable[[], None]) -> None:
        self._completions = 0
        self._chats: list[ChatTurn] = []
        self.on_preemption = on_preemption

    @asynccontextmanager
    async def completion(self) -> AsyncIterator[Turn]:
        self._completions += 1
        for chat in self._chats:
            chat.pass_over()
        try:
            yield Turn()
        finally:
            self._completions -= 1
            if not self._completions:
                for chat in self._chats:
                    chat.let_run()

    @asynccontextmanager
    async def chat(self) -> AsyncIterator[ChatTurn]:
        turn = ChatTurn(self)
        self._chats.append(turn)
        if self._completions:
            turn.pass_over()
        try:
            yield turn
        finally:
            self._chats.remove(turn)
            turn.leave()

    @property
    def busy(self) -> bool:
        """Whether a completion is in flight."""
        return self._completions > 0


class ChatTurn(Turn):
    """The turn of a chat, which keeps the account of its patience."""

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__()
        self._scheduler = scheduler
        self._passed_over = 0
        self._tokens_left = 0
        self._timer: asyncio.TimerHandle | None = None

    def pass_over(self) -> None:
        """A completion came."""
        if self._tokens_left:
            return
        self._passed_over += 1
        if self._passed_over > PATIENCE:
            self._take_turn()
        elif not self.paused:
            self._scheduler.on_preemption()
            self._after(PATIENCE_S, self._take_turn)
            self.pause()

    def let_run(self) -> None:
        """No completion is in flight any more."""
        self._cancel_timer()
        self._tokens_left = 0
        self.resume()

    def spend(self) -> None:
        """The chat has a token more."""
        self._passed_over = 0
        if self._tokens_left:
            self._tokens_left -= 1
            if not self._tokens_left:
                self._end_turn()

    def leave(self) -> None:
        self._cancel_timer()

    def _take_turn(self) -> None:
        self._passed_over = 0
        self._tokens_left = TURN_TOKENS
        self._after(TURN_S, self._end_turn)
        self.resume()

    def _end_turn(self) -> None:
        self._cancel_timer()
        self._tokens_left = 0
        if self._scheduler.busy:
            self._after(PATIENCE_S, self._take_turn)
            self.pause()

    def _after(self, seconds: float, call: Callable[[], None]) -> None:
        self._cancel_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, call)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
