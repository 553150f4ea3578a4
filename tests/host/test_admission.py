"""Places are given in turn, and none is lost."""

from __future__ import annotations

import asyncio

from mmcore.host.admission import Admission


async def queue(admission: Admission, names: list[str]) -> tuple[list[str], list[asyncio.Task[None]]]:
    """Requests that wait in this order; a name's first letter is its workspace. Who gets in is noted and stays."""
    served: list[str] = []

    async def ask(name: str) -> None:
        await admission.acquire(name[0])
        served.append(name)

    tasks = []
    for name in names:
        tasks.append(asyncio.create_task(ask(name)))
        await asyncio.sleep(0)
    return served, tasks


async def test_workspaces_take_turns() -> None:
    admission = Admission(1)
    served, tasks = await queue(admission, ["a1", "a2", "a3", "a4", "b1", "b2", "c1"])
    while len(served) < len(tasks):
        admission.release()
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert served == ["a1", "a2", "b1", "c1", "a3", "b2", "a4"]


async def test_who_gives_up_waiting_takes_no_place() -> None:
    admission = Admission(1)
    served, tasks = await queue(admission, ["a1", "a2", "b1"])
    tasks[1].cancel()
    await asyncio.wait({tasks[1]})
    admission.release()
    await tasks[2]
    assert served == ["a1", "b1"]


async def test_a_place_that_comes_too_late_goes_to_the_next() -> None:
    admission = Admission(1)
    served, tasks = await queue(admission, ["a1", "b1", "c1"])
    admission.release()
    tasks[1].cancel()
    await tasks[2]
    assert served == ["a1", "c1"]


async def test_places_that_nobody_waits_for_are_there_for_those_who_come() -> None:
    admission = Admission(2)
    served, _ = await queue(admission, ["a1", "a2", "a3"])
    assert served == ["a1", "a2"]
    for _ in range(3):
        admission.release()
    more, _ = await queue(admission, ["b1", "b2"])
    assert more == ["b1", "b2"]
