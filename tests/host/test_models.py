from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable
from types import SimpleNamespace

import psutil
import pytest

from mmcore.engine.base import LocalEngine
from mmcore.engine.scripted import ScriptedEngine
from mmcore.errors import EngineUnavailable, UnknownModel, WeightsMissing
from mmcore.host.engines import Choice
from mmcore.host.metrics import Metrics
from mmcore.host.models import Models


class Loading:
    """Loads when it is let, and keeps no engine alive itself."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.let = threading.Event()
        self.let.set()
        self.fail = False
        self.needs = 0
        self.engines: list[weakref.ref[LocalEngine]] = []

    def __call__(self, name: str, on_progress: Callable[[float], None]) -> LocalEngine:
        on_progress(0.25)
        self.names.append(name)
        self.let.wait()
        if self.fail:
            raise WeightsMissing(f"{name} is not here")
        engine = ScriptedEngine(models=(name,))
        self.engines.append(weakref.ref(engine))
        return engine


@pytest.fixture
def loading() -> Loading:
    return Loading()


@pytest.fixture
def models(loading: Loading) -> Models:
    return Models(Choice(("a", "b", "c"), loading, lambda name: loading.needs), Metrics())


async def use(models: Models, name: str) -> None:
    async with models.lease(name):
        pass


async def test_a_model_is_loaded_once_however_many_ask(models: Models, loading: Loading) -> None:
    await asyncio.gather(*(use(models, "a") for _ in range(5)))
    await use(models, "a")
    assert loading.names == ["a"]


async def test_a_model_tells_that_it_is_loading(models: Models, loading: Loading) -> None:
    loading.let.clear()
    task = asyncio.create_task(use(models, "a"))
    while models.state("a") != ("loading", 0.25):
        await asyncio.sleep(0)
    assert models.ready() == {}
    loading.let.set()
    await task
    assert models.state("a") == ("ready", 1.0)


async def test_who_gives_up_waiting_does_not_stop_the_loading(models: Models, loading: Loading) -> None:
    loading.let.clear()
    task = asyncio.create_task(use(models, "a"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    loading.let.set()
    await use(models, "a")
    assert loading.names == ["a"]


async def test_a_failed_load_is_tried_again_by_the_next_request(models: Models, loading: Loading) -> None:
    loading.fail = True
    results = await asyncio.gather(*(use(models, "a") for _ in range(2)), return_exceptions=True)
    assert [type(result) for result in results] == [WeightsMissing, WeightsMissing]
    assert models.state("a")[0] == "absent"
    loading.fail = False
    await use(models, "a")
    assert loading.names == ["a", "a"]


async def test_a_failed_load_that_nobody_waits_for_is_not_left_over(models: Models, loading: Loading) -> None:
    loading.let.clear()
    loading.fail = True
    task = asyncio.create_task(use(models, "a"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    loading.let.set()
    while models.state("a")[0] != "absent":
        await asyncio.sleep(0)
    gc.collect()


async def test_an_idle_model_is_unloaded_and_nothing_of_it_stays(models: Models, loading: Loading) -> None:
    await use(models, "a")
    await models.unload_idle(3600)
    assert models.state("a")[0] == "ready"
    await models.unload_idle(0)
    assert models.state("a")[0] == "absent"
    assert loading.engines[0]() is None


async def test_a_model_in_use_is_not_unloaded(models: Models) -> None:
    async with models.lease("a"):
        await use(models, "b")
        await models.unload_idle(0)
        assert (models.state("a")[0], models.state("b")[0]) == ("ready", "absent")


async def test_where_memory_is_short_the_longest_unused_makes_room(
    models: Models, loading: Loading, monkeypatch: pytest.MonkeyPatch
) -> None:
    def free() -> int:
        return 10 - 4 * len(models.ready())

    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=free()))
    loading.needs = 4
    await use(models, "a")
    await use(models, "b")
    await use(models, "a")
    loading.needs = 6
    await use(models, "c")
    assert models.state("b")[0] == "absent"
    assert set(models.ready()) == {"a", "c"}


async def test_a_model_that_would_fill_the_memory_is_refused_with_numbers(models: Models, loading: Loading) -> None:
    loading.needs = 1 << 50
    with pytest.raises(EngineUnavailable, match=r"a needs 1125899\.9 GB of memory and [\d.]+ GB are free"):
        await use(models, "a")
    assert not loading.names


async def test_a_model_that_died_is_loaded_again(
    models: Models, loading: Loading, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with models.lease("a") as resident:
        first = resident.engine
    monkeypatch.setattr(first, "alive", lambda: False)
    async with models.lease("a") as resident:
        assert resident.engine is not first
    assert loading.names == ["a", "a"]


async def test_an_unknown_model_is_refused(models: Models) -> None:
    with pytest.raises(UnknownModel, match="d"):
        await use(models, "d")


@pytest.mark.parametrize(("slots", "completions", "chats"), [(1, 1, 1), (4, 2, 1), (16, 8, 4)])
async def test_slots_are_shared_between_completions_and_chats(
    models: Models, monkeypatch: pytest.MonkeyPatch, slots: int, completions: int, chats: int
) -> None:
    monkeypatch.setattr(ScriptedEngine, "slots", slots)
    async with models.lease("a") as resident:
        assert resident.admitted["completion"].free == completions
        assert resident.admitted["chat"].free == chats
