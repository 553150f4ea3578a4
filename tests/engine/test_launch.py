"""Real hosts with canned answers, found and started as editors do it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import psutil
import pytest

from mmcore import config
from mmcore.config import Settings
from mmcore.engine import address, start
from mmcore.engine.base import CompletionRequest, Engine
from mmcore.engine.launch import connect
from mmcore.engine.remote import RemoteEngine
from mmcore.errors import EngineRejected, EngineUnavailable
from tests.contract.hosting import within
from tests.engine.test_remote import GOOD, Replies, reply

REQUEST = CompletionRequest("scripted", "x")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setenv("SIDESIGHT_STATE", str(tmp_path / "state"))
    settings = Settings()
    yield replace(settings, host=replace(settings.host, engine="scripted"))
    start.stop()


@pytest.fixture
async def attach(settings: Settings) -> AsyncIterator[Callable[[], Engine]]:
    engines: list[Engine] = []

    def attach() -> Engine:
        engines.append(connect(settings))
        return engines[-1]

    yield attach
    for engine in engines:
        await engine.close()


async def said(engine: Engine) -> str:
    return "".join([chunk.text async for chunk in engine.complete(REQUEST)])


def running() -> address.Address:
    found = address.find()
    assert found is not None
    assert found.alive()
    return found


def write_down(**changes: object) -> None:
    data = json.loads(address.address_path().read_text())
    address.address_path().write_text(json.dumps(data | changes))


async def test_the_first_request_starts_the_host_and_tells_so(settings: Settings) -> None:
    lines: list[str] = []
    engine = connect(settings, lines.append)
    assert address.find() is None
    assert await said(engine)
    assert lines == ["starting the model host"]
    assert running().pid
    await engine.close()


async def test_the_next_editor_uses_the_same_host(attach: Callable[[], Engine]) -> None:
    await said(attach())
    first = running()
    await said(attach())
    assert running() == first


async def test_eight_editors_that_come_at_once_start_one_host(settings: Settings, tmp_path: Path) -> None:
    code = (
        "import asyncio\nfrom mmcore import config\nfrom mmcore.engine.launch import connect\n"
        "asyncio.run(connect(config.load()[0]).models())\n"
        "from mmcore.engine import address\nprint(address.find().pid)"
    )
    environment = start.environment(settings)
    editors = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, stdout=subprocess.PIPE, env={**os.environ, **environment}
        )
        for _ in range(8)
    ]
    said = [(await editor.communicate())[0] for editor in editors]
    assert {int(line) for line in said} == {running().pid}
    assert address.log_path().read_text().count("listens at") == 1


async def test_a_window_has_one_name_for_the_host_and_another_window_another(attach: Callable[[], Engine]) -> None:
    health = reply("200 OK", json.dumps({"pid": os.getpid()}).encode())
    host = Replies([health, GOOD, GOOD, health, GOOD])
    async with await asyncio.start_server(host.serve, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        config.state_dir().mkdir(parents=True)
        address.publish(f"http://127.0.0.1:{port}/v1", version("sidesight"), "token")
        try:
            one, other = attach(), attach()
            for engine in (one, one, other):
                await said(engine)
        finally:
            # Or the fixture would end the host that it finds, which are the tests.
            address.address_path().unlink()
    names = [body["prompt_cache_key"] for body in host.bodies if body]
    assert names[0] == names[1] != names[2]


async def test_the_host_outlives_the_editor_that_started_it(attach: Callable[[], Engine], settings: Settings) -> None:
    code = (
        "import asyncio\nfrom mmcore import config\nfrom mmcore.engine.launch import connect\n"
        "asyncio.run(connect(config.load()[0]).models())"
    )
    environment = {**os.environ, **start.environment(settings)}
    editor = await asyncio.create_subprocess_exec(sys.executable, "-c", code, env=environment)
    assert await editor.wait() == 0
    started = running()
    assert await said(attach())
    assert running() == started


async def test_a_host_killed_between_two_requests_is_succeeded(attach: Callable[[], Engine]) -> None:
    engine = attach()
    assert await said(engine)
    first = running()
    psutil.Process(first.pid).kill()
    assert await said(engine)
    assert running().pid != first.pid


async def test_two_requests_that_find_the_host_dead_start_one(attach: Callable[[], Engine]) -> None:
    engine = attach()
    await said(engine)
    psutil.Process(running().pid).kill()
    assert all(await asyncio.gather(*(said(engine) for _ in range(4))))
    assert address.log_path().read_text().count("listens at") == 2


async def test_a_file_left_by_a_dead_host_misleads_nobody(attach: Callable[[], Engine]) -> None:
    await said(attach())
    dead = running()
    psutil.Process(dead.pid).kill()
    assert within(lambda: not dead.alive())
    assert await said(attach())
    assert running().pid != dead.pid


async def test_a_host_that_has_left_stays_no_zombie_of_who_started_it(attach: Callable[[], Engine]) -> None:
    await said(attach())
    pid = running().pid
    start.stop()
    assert within(lambda: not psutil.pid_exists(pid))


async def test_a_process_that_has_the_number_of_a_dead_host_is_let_be(attach: Callable[[], Engine]) -> None:
    await said(attach())
    start.stop()
    bystander = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=subprocess.PIPE)
    address.write_private(address.address_path(), "{}")
    write_down(url="http://127.0.0.1:9/v1", pid=bystander.pid, version="0", started=time.time() - 1000)
    assert await said(attach())
    assert bystander.returncode is None
    await bystander.communicate(b"\n")


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"url": 1}', '{"url": "x", "pid": "y", "version": 1, "started": 0}']
)
async def test_a_file_that_makes_no_sense_misleads_nobody(attach: Callable[[], Engine], content: str) -> None:
    address.write_private(address.address_path(), content)
    assert await said(attach())


async def test_a_host_of_another_version_is_replaced_by_the_first_to_come(attach: Callable[[], Engine]) -> None:
    await said(attach())
    old = running()
    write_down(version="0.0.1")
    engine = attach()
    assert await said(engine)
    new = running()
    assert new.pid != old.pid
    assert within(lambda: not psutil.pid_exists(old.pid))


async def test_two_versions_do_not_replace_each_other_in_turn(attach: Callable[[], Engine]) -> None:
    engine = attach()
    await said(engine)
    psutil.Process(running().pid).kill()
    await said(attach())
    write_down(version="0.0.2")
    other = running()
    assert await said(engine)
    assert running() == other


async def test_a_host_that_answers_garbage_is_replaced(attach: Callable[[], Engine]) -> None:
    code = (
        "import socket, sys\nlistening = socket.create_server(('127.0.0.1', 0))\n"
        "print(listening.getsockname()[1], flush=True)\n"
        "while True:\n    client, _ = listening.accept()\n"
        "    client.sendall(b'garbage\\r\\n\\r\\n')\n    client.close()"
    )
    await said(attach())
    start.stop()
    garbler = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=subprocess.PIPE)
    assert garbler.stdout is not None
    port = int(await garbler.stdout.readline())
    address.write_private(address.address_path(), "{}")
    started = psutil.Process(garbler.pid).create_time()
    write_down(url=f"http://127.0.0.1:{port}/v1", pid=garbler.pid, version=start.version("sidesight"), started=started)
    assert await said(attach())
    assert await garbler.wait() != 0


async def test_a_host_whose_files_were_removed_is_found_again(settings: Settings, attach: Callable[[], Engine]) -> None:
    await said(attach())
    before = running()
    address.address_path().unlink()
    address.token_path().unlink()
    assert await said(attach())
    assert running() == before


async def test_only_its_user_may_read_where_it_is_and_its_key(attach: Callable[[], Engine]) -> None:
    await said(attach())
    assert config.state_dir().stat().st_mode & 0o777 == 0o700
    for path in (address.address_path(), address.token_path(), address.log_path()):
        assert path.stat().st_mode & 0o777 == 0o600


async def test_a_host_that_does_not_start_is_explained_in_one_line(settings: Settings) -> None:
    engine = connect(replace(settings, host=replace(settings.host, engine="steam")))
    with pytest.raises(EngineUnavailable, match="must be auto or scripted") as error:
        await said(engine)
    assert "\n" not in str(error.value)
    await engine.close()


async def test_missing_weights_say_how_to_get_them(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIDESIGHT_CACHE", str(tmp_path / "empty"))
    engine = connect(replace(settings, host=replace(settings.host, engine="auto")))
    with pytest.raises(EngineRejected, match=r"sidesight models pull qwen2\.5-coder-0\.5b"):
        async for _ in engine.complete(CompletionRequest("qwen2.5-coder-0.5b", "x")):
            pass
    await engine.close()


async def test_giving_up_does_not_stop_a_start_that_others_wait_for(attach: Callable[[], Engine]) -> None:
    engine = attach()
    impatient = asyncio.create_task(said(engine))
    patient = asyncio.create_task(said(engine))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient


async def test_a_url_in_the_settings_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_KEY", "secret")
    settings = Settings()
    engine = connect(
        replace(settings, engine=replace(settings.engine, url="http://127.0.0.1:1/v1", api_key_env="THE_KEY"))
    )
    assert isinstance(engine, RemoteEngine)
    assert engine.base_url == "http://127.0.0.1:1/v1"
