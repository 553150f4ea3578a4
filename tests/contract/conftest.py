"""The engines that the contract is kept by: one fixture, one suite for all of them.

`SIDESIGHT_CONTRACT_URL`, with `…_MODEL`, `…_CONTEXT` (tokens) and `…_CACHE_STEP` (tokens in a block of its cache), puts
any other server in their place; `python -m tests.contract.vllm` does that with vLLM.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest

from mmcore import config
from mmcore.config import HostSettings
from mmcore.engine.base import Engine
from mmcore.engine.remote import RemoteEngine
from mmcore.engine.scripted import ScriptedEngine
from mmcore.host.llama import LlamaEngine
from mmcore.host.weights.catalog import find
from mmcore.host.weights.pull import locate
from tests.contract.hosting import RunningHost, running_host, total


@dataclass(frozen=True)
class Subject:
    """An engine, a model that it has, and how to see that it computes no more.

    `idle` tells whether no request is in flight, `surplus` the tokens generated after their request was closed, where
    that can be known. `cache_step` is how many tokens its cache keeps or drops at once. `any_name`: it has one model
    and gives it whatever name is asked for.
    """

    engine: Engine
    model: str
    idle: Callable[[], bool]
    surplus: Callable[[], float] = lambda: 0.0
    context_tokens: int = 8192
    cache_step: int = 1
    any_name: bool = False


@pytest.fixture(scope="session")
def scripted_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    with running_host(tmp_path_factory.mktemp("scripted-host")) as host:
        yield host


@pytest.fixture(scope="session")
def real_host(tmp_path_factory: pytest.TempPathFactory, small_model: str) -> Iterator[RunningHost]:
    with running_host(tmp_path_factory.mktemp("real-host"), "auto") as host:
        yield host


@pytest.fixture(scope="session")
def llama_server(small_model: str) -> Iterator[LlamaEngine]:
    """Used for the server that it has started, which speaks the API by itself."""
    settings, _ = config.load()
    engine = LlamaEngine(small_model, locate(find(small_model), settings), HostSettings())
    yield engine
    engine.end()


ENGINES = [
    "scripted",
    "scripted-host",
    pytest.param("real-host", marks=pytest.mark.weights),
    pytest.param("llama-server", marks=pytest.mark.weights),
]
# Read now: the tests run in an environment that was cleared of ours.
OTHER = {name: os.environ.get(f"SIDESIGHT_CONTRACT_{name}", "") for name in ("URL", "MODEL", "CONTEXT", "CACHE_STEP")}
if OTHER["URL"]:
    ENGINES = ["url"]


@pytest.fixture(params=ENGINES)
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param == "scripted":
        yield Subject(ScriptedEngine(), "scripted", lambda: True)
        return
    if request.param == "url":
        found = _at_url()
    elif request.param == "llama-server":
        found = _llama_server(request.getfixturevalue("llama_server"))
    else:
        model = "scripted" if request.param == "scripted-host" else request.getfixturevalue("small_model")
        found = _host(request.getfixturevalue(request.param.replace("-", "_")), model)
    yield found
    await found.engine.close()


def _host(host: RunningHost, model: str) -> Subject:
    return Subject(
        RemoteEngine(host.url, host.token),
        model,
        lambda: host.metric("sidesight_running") == 0,
        lambda: host.metric("sidesight_tokens_after_disconnect_total"),
    )


def _llama_server(server: LlamaEngine) -> Subject:
    def idle() -> bool:
        headers = {"Authorization": f"Bearer {server.key}"}
        slots = httpx.get(f"{server.address}/slots", headers=headers, trust_env=False).json()
        return not any(slot["is_processing"] for slot in slots)

    return Subject(RemoteEngine(f"{server.address}/v1", server.key), "whatever", idle, any_name=True)


def _at_url() -> Subject:
    url = OTHER["URL"]

    def idle() -> bool:
        metrics = httpx.get(url.removesuffix("/v1") + "/metrics", trust_env=False).text
        return total(metrics, "vllm:num_requests_running") == 0

    numbers = {"context_tokens": int(OTHER["CONTEXT"]), "cache_step": int(OTHER["CACHE_STEP"])}
    return Subject(RemoteEngine(url), OTHER["MODEL"], idle, **numbers)
