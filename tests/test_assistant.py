from __future__ import annotations

import hashlib
import shutil
from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from pathlib import Path

import pytest

from mmcore.actions import request as actions
from mmcore.assistant import Assistant, Question
from mmcore.config import ChatSettings, MemorySettings, Settings
from mmcore.context.document import read_document
from mmcore.engine.base import ChatRequest
from mmcore.engine.scripted import Request, Rule, ScriptedEngine
from mmcore.errors import EngineUnavailable, ImageError, InputError
from mmcore.memory.store import ConversationStore, database_path
from mmcore.perception.reader import Reader
from mmcore.perception.render import to_mermaid
from mmcore.perception.source import read_source
from mmcore.types import Diagram, Document, Edge, Line, Message, Node, Position, Range, Reading, Region

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


async def test_actions_are_shown_other_files_and_what_the_user_has_wished_for(
    assistant: Assistant, engine: ScriptedEngine, workspace: Path
) -> None:
    await assistant.ask(Question("Why? From now on use single quotes.", roots=(workspace,)))
    await assistant.read_workspace([workspace])
    document = read_document(workspace / "shop" / "cart.py")
    await assistant.act("explain", actions.Request(document, symbol="total", roots=(workspace,)))
    system, user = messages(engine.requests[-1])
    assert "- From now on use single quotes." in system.content
    assert "│ shop/prices.py:" in user.content
    assert "def price_of" in user.content


async def test_a_failed_answer_leaves_no_half_conversation(assistant: Assistant, workspace: Path) -> None:
    with pytest.raises(EngineUnavailable):
        await assistant.ask(Question("Tell me a joke", roots=(workspace,)))
    assert not database_path([workspace]).exists()


async def test_memory_can_be_switched_off(engine: ScriptedEngine, reader: Reader, workspace: Path) -> None:
    settings = Settings(chat=ChatSettings(model="scripted"), memory=MemorySettings(enabled=False))
    answer = await Assistant(settings, engine, reader).ask(Question("Why?", roots=(workspace,)))
    assert answer.conversation == ""
    assert not database_path([workspace]).exists()


async def test_without_the_files_the_users_own_frame_is_named_and_not_a_librarys(
    engine: ScriptedEngine, tmp_path: Path
) -> None:
    text = """Traceback (most recent call last):
  File "/home/dev/shop/main.py", line 8, in <module>
    json.loads("")
  File "/usr/lib/python3.11/json/decoder.py", line 355, in raw_decode
    raise JSONDecodeError("Expecting value", s, err.value)
json.decoder.JSONDecodeError: Expecting value"""
    assistant = Assistant(SETTINGS, engine, Reads(Reading("traceback", text, (), (9, 9))))
    answer = await assistant.ask(Question("Why?", images=(PICTURE,), roots=(tmp_path,)))
    assert answer.text.endswith("\n→ json.decoder.JSONDecodeError: Expecting value\n→ /home/dev/shop/main.py:8")


async def test_a_file_that_cannot_be_parsed_is_named_with_what_imported_it(
    engine: ScriptedEngine, workspace: Path
) -> None:
    text = """  File "/home/dev/shop/shop/__main__.py", line 1, in <module>
    from shop.cart import Cart
  File "/home/dev/shop/shop/cart.py", line 3
    def total(
             ^
SyntaxError: '(' was never closed"""
    assistant = Assistant(SETTINGS, engine, Reads(Reading("traceback", text, (), (9, 9))))
    answer = await assistant.ask(Question("Why?", images=(PICTURE,), roots=(workspace,)))
    assert "→ shop/cart.py:3, imported at shop/__main__.py:1" in answer.text


async def test_lines_that_differ_from_the_picture_are_told_to_the_model_and_to_the_user(
    engine: ScriptedEngine, workspace: Path
) -> None:
    shown = (workspace / "shop" / "cart.py").read_text("utf-8").replace("percent", "rate", 1)
    regions = (Region("title", "cart.py - shop", (0, 0, 9, 9)), Region("code", shown, (0, 9, 9, 9), 1, "python"))
    assistant = Assistant(SETTINGS, engine, Reads(Reading("editor", shown, (), (9, 9), regions=regions)))
    answer = await assistant.ask(Question("Why?", images=(PICTURE,), roots=(workspace,)))
    note = next(line for line in answer.text.splitlines() if line.startswith("≠"))
    assert note.startswith("≠ shop/cart.py:")
    assert "rate" in note
    assert note[2:] in messages(engine.requests[0])[-1].content
    assert "Where a picture differs from the workspace" in answer.sources
    assert [place.path for place in answer.locations] == [workspace / "shop" / "cart.py"]


async def test_code_is_shown_under_its_line_numbers_and_below_its_tabs_and_quoted_by_them(
    engine: ScriptedEngine, workspace: Path
) -> None:
    code = Region("code", "x = 1\ny = 2", (0, 9, 9, 9), 41, "python")
    regions = (Region("title", "sums.py", (0, 0, 9, 9)), code)
    assistant = Assistant(
        SETTINGS, engine, Reads(Reading("editor", code.text, (), (9, 9), sha256="a", regions=regions))
    )
    answer = await assistant.ask(Question("What is on line 42?", images=(PICTURE,), roots=(workspace,)))
    again = Question("And which file is it?", conversation=answer.conversation, roots=(workspace,))
    await assistant.ask(again)
    for request in engine.requests:
        told = "\n".join(message.content for message in messages(request))
        assert "│ - title: sums.py" in told
        assert "│ 42 y = 2" in told
    assert answer.text.endswith("\n→ line 42 in the picture: y = 2")
    await assistant.close()


async def test_a_diagram_is_shown_as_mermaid(engine: ScriptedEngine) -> None:
    diagram = Diagram("flow", (Node("Start", "box", (0, 0, 9, 9)), Node("End", "box", (0, 20, 9, 29))), (Edge(0, 1),))
    reading = Reading("diagram", to_mermaid(diagram), (), (9, 29), diagram=diagram)
    await Assistant(SETTINGS, engine, Reads(reading)).ask(Question("What follows?", images=(PICTURE,)))
    assert "│ flowchart TD" in messages(engine.requests[0])[-1].content


async def test_a_picture_that_shows_nothing_is_not_answered_by_guessing(
    engine: ScriptedEngine, workspace: Path
) -> None:
    assistant = Assistant(SETTINGS, engine, Reads(Reading("photo", " . ", (), (9, 9))))
    pieces: list[str] = []
    answer = await assistant.ask(Question("Why?", images=(PICTURE,), roots=(workspace,)), pieces.append)
    assert answer.text.startswith("I cannot read this")
    assert "".join(pieces) == answer.text
    assert engine.requests == []


class Reads(Reader):
    """Reads this in every picture."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(SETTINGS.perception)
        self._reading = reading

    async def read(self, source: Path | bytes, names: Collection[str] = ()) -> Reading:
        return self._reading


async def test_a_picture_is_read_once_while_its_content_is_the_same(
    engine: ScriptedEngine, workspace: Path, tmp_path: Path
) -> None:
    reader = Counts(Reading("terminal", "$ ls", (Line("$ ls", (0, 0, 9, 9), 0.9),), (9, 9)))
    assistant = Assistant(SETTINGS, engine, reader)
    copy = shutil.copy(PICTURE, tmp_path / "copy.png")
    for image in (PICTURE, Path(copy), PICTURE.read_bytes()):
        await assistant.ask(Question("Why?", images=(image,), roots=(workspace,)))
    other = PICTURE.read_bytes() + b"\0"
    await assistant.ask(Question("Why?", images=(other,), roots=(workspace,)))
    await assistant.close()
    assert reader.read_hashes == [hashlib.sha256(data).hexdigest() for data in (PICTURE.read_bytes(), other)]
    prompts = [messages(request)[-1].content.partition(":\n")[2] for request in engine.requests]
    assert len(set(prompts)) == 1


class Counts(Reader):
    """Reads this in every picture, and remembers which it was asked for."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(SETTINGS.perception)
        self._reading = reading
        self.read_hashes: list[str] = []

    async def read(self, source: Path | bytes, names: Collection[str] = ()) -> Reading:
        data = read_source(source, 10**9)
        self.read_hashes.append(hashlib.sha256(data).hexdigest())
        return replace(self._reading, sha256=self.read_hashes[-1])


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
