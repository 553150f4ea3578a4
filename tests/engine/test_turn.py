from __future__ import annotations

import asyncio

import pytest

from mmcore.engine.turn import Paused, Turn


async def test_a_new_turn_is_free() -> None:
    turn = Turn()
    await turn.wait()
    async with turn.slice():
        pass


async def test_who_waits_for_a_paused_turn_goes_on_when_it_is_resumed() -> None:
    turn = Turn()
    turn.pause()
    waiter = asyncio.create_task(turn.wait())
    await asyncio.sleep(0)
    assert not waiter.done()
    turn.resume()
    await waiter


async def test_pausing_interrupts_what_is_awaited_in_a_slice() -> None:
    turn = Turn()
    asyncio.get_running_loop().call_soon(turn.pause)
    with pytest.raises(Paused):
        async with turn.slice():
            await asyncio.Event().wait()


async def test_a_slice_of_a_paused_turn_does_not_begin() -> None:
    turn = Turn()
    turn.pause()
    with pytest.raises(Paused):
        async with turn.slice():
            pytest.fail("it began")


async def test_cancellation_from_outside_is_not_taken_for_a_pause() -> None:
    turn = Turn()

    async def work() -> None:
        async with turn.slice():
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
