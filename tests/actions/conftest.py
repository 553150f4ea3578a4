"""A workspace on disk, a scripted model, and what an action makes of the two."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from mmcore.actions.perform import ACTIONS
from mmcore.actions.request import Outcome, Request, Tools
from mmcore.config import Settings
from mmcore.context.document import read_document
from mmcore.engine.base import ChatRequest
from mmcore.engine.scripted import ScriptedEngine
from mmcore.types import Reading

Act = Callable[..., Awaitable[Outcome]]


class Workspace:
    """Files below `root`, and a model that gives `answers` in turn, the last one for ever."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.engine = ScriptedEngine()
        self.said: list[str] = []
        self.streamed = ""
        self.pictures: dict[Path, str] = {}

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return path

    async def act(self, action: str, file: str, answers: Sequence[str], **request: Any) -> Outcome:
        left = list(answers)
        settings = Settings()
        self.engine = ScriptedEngine(lambda _: left.pop(0) if len(left) > 1 else left[0], (settings.chat.model,))

        async def read(source: Path | bytes) -> Reading:
            assert isinstance(source, Path)
            return Reading("screenshot", self.pictures[source], (), (1, 1))

        tools = Tools(self.engine, settings, read, self.said.append, self._stream)
        document = read_document(self.root / file)
        return await ACTIONS[action](tools, Request(document, roots=(self.root,), **request))

    def _stream(self, piece: str) -> None:
        self.streamed += piece

    def prompts(self) -> list[str]:
        """The last message of every request."""
        return [r.messages[-1].content for r in self.engine.requests if isinstance(r, ChatRequest)]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def statuses(outcome: Outcome) -> dict[str, str]:
    return {check.name: check.status for check in outcome.checks}


@pytest.fixture(name="statuses")
def statuses_fixture() -> Callable[[Outcome], dict[str, str]]:
    return statuses


@pytest.fixture
def fenced() -> Callable[..., str]:
    return lambda code, language="python": f"Here:\n```{language}\n{code}\n```\n"
