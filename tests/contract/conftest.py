"""The engines that the contract is kept by: one fixture, one suite for all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import pytest

from mmcore.engine.base import Engine
from mmcore.engine.remote import RemoteEngine
from mmcore.engine.scripted import ScriptedEngine
from tests.contract.hosting import RunningHost, running_host


@dataclass(frozen=True)
class Subject:
    """An engine, a model that it has, and how to see that it computes no more.

    `surplus` gives the tokens generated after their request was closed, `idle` whether no request is in flight.
    """

    engine: Engine
    model: str
    surplus: Callable[[], float]
    idle: Callable[[], bool]


@pytest.fixture(scope="session")
def scripted_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    with running_host(tmp_path_factory.mktemp("scripted-host")) as host:
        yield host


@pytest.fixture(scope="session")
def llama_host(tmp_path_factory: pytest.TempPathFactory, small_model: str) -> Iterator[RunningHost]:
    with running_host(tmp_path_factory.mktemp("llama-host"), "auto") as host:
        yield host


@pytest.fixture(params=["scripted", "host-scripted", pytest.param("host-llama", marks=pytest.mark.weights)])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param == "scripted":
        engine = ScriptedEngine()
        yield Subject(engine, "scripted", lambda: 0, lambda: True)
        return
    host: RunningHost = request.getfixturevalue(request.param.partition("-")[2] + "_host")
    model = "scripted" if request.param == "host-scripted" else request.getfixturevalue("small_model")
    remote = RemoteEngine(host.url, host.token)
    yield Subject(
        remote,
        model,
        lambda: host.metric("sidesight_tokens_after_disconnect_total"),
        lambda: host.metric("sidesight_running") == 0,
    )
    await remote.close()
