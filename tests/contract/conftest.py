"""The engines that the contract is kept by: one fixture, one suite for all of them.

`SIDESIGHT_CONTRACT_URL`, with `…_MODEL`, `…_CONTEXT` (tokens) and `…_CACHE_STEP` (tokens in a block of its cache), puts
any other server in their place; `python -m tests.contract.vllm` does that with vLLM.

The host with a GGUF file is OpenVINO's, that with a directory transformers'; llama.cpp is asked through its own server.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace

import httpx2
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
    and gives it whatever name is asked for. `speaks`: its weights are no random numbers.
    """

    engine: Engine
    model: str
    idle: Callable[[], bool]
    surplus: Callable[[], float] = lambda: 0.0
    context_tokens: int = 8192
    cache_step: int = 1
    any_name: bool = False
    speaks: bool = True


@pytest.fixture(scope="session")
def scripted_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    with running_host(tmp_path_factory.mktemp("scripted-host")) as host:
        yield host


@pytest.fixture(scope="session")
def openvino(tmp_path_factory: pytest.TempPathFactory, small_model: str) -> Iterator[RunningHost]:
    assert importlib.util.find_spec("openvino") is not None
    with running_host(tmp_path_factory.mktemp("openvino"), "auto") as host:
        yield host


@pytest.fixture(scope="session")
def transformers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    """A model of random weights: on a CPU, this engine is too slow for a real one."""
    from tests.host.transformers.models import qwen2

    state = tmp_path_factory.mktemp("transformers")
    qwen2(state / "random")
    entry = '[[model]]\nname = "random"\nroles = ["completion", "chat"]\nprompt_format = "qwen2.5-coder"\npath = "{}"\n'
    (state / "models.toml").write_text(entry.format((state / "random").as_posix()), "utf-8")
    context = {"SIDESIGHT_HOST_CONTEXT_TOKENS": str(RANDOM_CONTEXT)}
    with running_host(state, "auto", SIDESIGHT_CONFIG=str(state / "config.toml"), **context) as host:
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
    pytest.param("openvino", marks=pytest.mark.weights),
    pytest.param("llama-server", marks=pytest.mark.weights),
]
if importlib.util.find_spec("torch") is not None:
    ENGINES.append("transformers")
RANDOM_CONTEXT = 2048
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
    elif request.param == "transformers":
        host = request.getfixturevalue("transformers")
        found = replace(_host(host, "random"), context_tokens=RANDOM_CONTEXT, speaks=False)
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
        slots = httpx2.get(f"{server.address}/slots", headers=headers, trust_env=False).json()
        return not any(slot["is_processing"] for slot in slots)

    return Subject(RemoteEngine(f"{server.address}/v1", server.key), "whatever", idle, any_name=True)


def _at_url() -> Subject:
    url = OTHER["URL"]

    def idle() -> bool:
        metrics = httpx2.get(url.removesuffix("/v1") + "/metrics", trust_env=False).text
        return total(metrics, "vllm:num_requests_running") == 0

    numbers = {"context_tokens": int(OTHER["CONTEXT"]), "cache_step": int(OTHER["CACHE_STEP"])}
    return Subject(RemoteEngine(url), OTHER["MODEL"], idle, **numbers)
