"""The session on a real host, whose own counters say what it was asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from mmcore.completion.session import CompletionSession
from mmcore.config import CompletionSettings
from mmcore.engine.remote import RemoteEngine
from mmcore.types import Document, Position
from tests.contract.hosting import RunningHost, running_host

REQUESTS = "sidesight_requests_total"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    with running_host(tmp_path_factory.mktemp("host")) as host:
        yield host


@pytest.fixture
async def session(host: RunningHost) -> AsyncIterator[CompletionSession]:
    engine = RemoteEngine(host.url, host.token)
    session = CompletionSession(engine, CompletionSettings(model="scripted", look_ahead=False))
    yield session
    await session.close()
    await engine.close()


async def ghost(session: CompletionSession, typed: str) -> str:
    document = Document("file:///a.py", "python", f"x = {typed}\n")
    completion = await session.complete(document, Position(0, 4 + len(typed)), invoked=True)
    return completion.text if completion else ""


async def test_typing_as_suggested_is_not_seen_by_the_host(session: CompletionSession, host: RunningHost) -> None:
    text = await ghost(session, "")
    assert text
    asked = host.metric(REQUESTS)
    for count in range(1, len(text)):
        assert await ghost(session, text[:count]) == text[count:]
    assert host.metric(REQUESTS) == asked


async def test_what_an_answer_cost_is_known_though_its_stream_is_closed_early(
    session: CompletionSession, host: RunningHost
) -> None:
    document = Document("file:///b.py", "python", "def f():\n    \n    return total + 1  # Σ\n")
    before = host.metric("sidesight_prompt_tokens_total")
    await session.complete(document, Position(1, 4), invoked=True)
    assert session.stats.computed_tokens > 0
    assert host.settles("sidesight_running", 0)
    assert host.metric("sidesight_prompt_tokens_total") > before
