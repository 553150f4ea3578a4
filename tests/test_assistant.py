from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mmcore.assistant import Assistant, Question
from mmcore.config import ChatSettings, MemorySettings, Settings
from mmcore.engine.base import ChatRequest
from mmcore.engine.scripted import Request, Rule, ScriptedEngine
from mmcore.errors import EngineUnavailable, ImageError, InputError
from mmcore.memory.store import ConversationStore, database_path
from mmcore.perception.reader import Reader
from mmcore.types import Document, Message, Position, Range

SAMPLE = Path(__file__).parents[1] / "lsp_server" / "sample"
PICTURE = SAMPLE / "pictures" / "checkout-fails.png"
SETTINGS = Settings(chat=ChatSettings(model="scripted"))


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return shutil.copytree(SAMPLE, tmp_path / "work")


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    reader = Reader(SETTINGS.perception)
    yield reader
    await reader.close()


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine([Rule("joke", EngineUnavailable("gone")), Rule("", "It is a **KeyError**.")])


@pytest.fixture
async def assistant(engine: ScriptedEngine, reader: Reader) -> AsyncIterator[Assistant]:
    assistant = Assistant(SETTINGS, engine, reader)
    yield assistant
    await assistant.close()


def messages(request: Request) -> tuple[Message, ...]:
    assert isinstance(request, ChatRequest)
    return request.messages


async def test_an_answer_streams_and_is_returned_whole(assistant: Assistant, workspace: Path) -> None:
    pieces: list[str] = []
    answer = await assistant.ask(Question("What is it?", roots=(workspace,)), pieces.append)
    assert "".join(pieces) == answer.text == "It is a **KeyError**."
    assert len(pieces) > 1
    assert answer.model == "scripted"


async def test_a_picture_is_shown_as_data_and_its_place_is_linked(
    assistant: Assistant, engine: ScriptedEngine, workspace: Path
) -> None:
    pieces: list[str] = []
    answer = await assistant.ask(Question("Why?", images=(PICTURE,), roots=(workspace,)), pieces.append)
    prompt = messages(engine.requests[0])[-1].content
    assert "│ KeyError: 'pear'" in prompt
    assert "Known: shop/prices.py:7" in prompt
    assert "PRICES[name]" in prompt.split("prices.py, lines")[1]
    assert answer.locations[0].path == workspace / "shop" / "prices.py"
    assert answer.locations[0].range.start == Position(6, 4)
    # The model did not say where; the answer does.
    assert answer.text.endswith("→ shop/prices.py:7")
    assert "".join(pieces) == answer.text
    assert answer.sources[0] == "Picture checkout-fails.png (traceback)"


async def test_a_follow_up_sees_the_earlier_turns_and_what_was_read(
    assistant: Assistant, engine: ScriptedEngine, workspace: Path
) -> None:
    first = await assistant.ask(Question("Why?", images=(PICTURE,), roots=(workspace,)))
    again = await assistant.ask(Question("Sure?", conversation=first.conversation, roots=(workspace,)))
    assert again.conversation == first.conversation
    _, question, answer, follow_up = messages(engine.requests[1])
    assert "│ KeyError: 'pear'" in question.content
    assert question.content.endswith("Why?")
    assert answer == Message("assistant", first.text)
    assert follow_up.content == "Sure?"


async def test_the_selected_part_of_a_document_is_shown(assistant: Assistant, engine: ScriptedEngine) -> None:
    document = Document("file:///a.py", "python", "one = 1\ntwo = 2\nthree = 3\n", 1)
    question = Question("What?", document=document, range=Range(Position(1, 0), Position(2, 0)))
    await assistant.ask(question)
    prompt = messages(engine.requests[0])[-1].content
    assert "│ two = 2" in prompt
    assert "three" not in prompt


async def test_an_unknown_conversation_is_refused_before_the_engine_is_asked(
    assistant: Assistant, engine: ScriptedEngine, workspace: Path
) -> None:
    with pytest.raises(InputError, match="no conversation"):
        await assistant.ask(Question("Why?", conversation="nope", roots=(workspace,)))
    assert engine.requests == []


async def test_a_picture_that_cannot_be_read_is_an_error_and_nothing_is_remembered(
    assistant: Assistant, workspace: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(PICTURE.read_bytes()[:500])
    with pytest.raises(ImageError, match=r"broken\.png"):
        await assistant.ask(Question("Why?", images=(broken,), roots=(workspace,)))
    assert not database_path([workspace]).exists()


async def test_a_failed_answer_leaves_no_half_conversation(assistant: Assistant, workspace: Path) -> None:
    with pytest.raises(EngineUnavailable):
        await assistant.ask(Question("Tell me a joke", roots=(workspace,)))
    assert not database_path([workspace]).exists()


async def test_memory_can_be_switched_off(engine: ScriptedEngine, reader: Reader, workspace: Path) -> None:
    settings = Settings(chat=ChatSettings(model="scripted"), memory=MemorySettings(enabled=False))
    answer = await Assistant(settings, engine, reader).ask(Question("Why?", roots=(workspace,)))
    assert answer.conversation == ""
    assert not database_path([workspace]).exists()


async def test_both_turns_are_stored_with_the_pictures_hash_path_and_text(
    assistant: Assistant, workspace: Path
) -> None:
    answer = await assistant.ask(Question("Why?", images=(PICTURE,), roots=(workspace,)))
    store = ConversationStore(database_path([workspace]))
    asked, answered = store.turns(answer.conversation, 10)
    store.close()
    (picture,) = asked.pictures
    assert (len(picture.sha256), picture.path, picture.kind) == (64, str(PICTURE), "traceback")
    assert "KeyError" in picture.text
    assert answered.content == answer.text
