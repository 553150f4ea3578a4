"""What of a picture leaves for the model: pixels, text, or neither of a secret."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path

import PIL.Image
import pytest

from mmcore.actions.request import Request
from mmcore.assistant import Assistant, Question
from mmcore.config import ChatSettings, EngineSettings, MemorySettings, Settings, config_path
from mmcore.context.document import read_document
from mmcore.engine.base import ChatRequest
from mmcore.engine.scripted import Rule, ScriptedEngine
from mmcore.perception.reader import Reader
from mmcore.perception.secrets import MASK
from mmcore.types import Line, Message, Reading, Region

PICTURE = Path(__file__).parents[1] / "lsp_server" / "sample" / "pictures" / "checkout-fails.png"
SETTINGS = Settings(chat=ChatSettings(model="eyes"), memory=MemorySettings(enabled=False))
CATALOG = """
[[model]]
name = "eyes"
roles = ["chat", "vision"]
prompt_format = "qwen2.5-coder"
path = "."
"""
Ask = Callable[..., "Asked"]


class Asked:
    """An assistant whose engine keeps what it was asked."""

    def __init__(self, settings: Settings, reader: Reader, says: str) -> None:
        self.engine = ScriptedEngine([Rule("", says)], models=("eyes", "blind"))
        self.assistant = Assistant(settings, self.engine, reader)

    @property
    def last(self) -> Message:
        request = self.engine.requests[-1]
        assert isinstance(request, ChatRequest)
        return request.messages[-1]


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    reader = Reader(SETTINGS.perception)
    yield reader
    await reader.close()


@pytest.fixture
def asked(reader: Reader) -> Iterator[Ask]:
    path = config_path().with_name("models.toml")
    path.write_text(CATALOG, "utf-8")

    def make(says: str = "It is a KeyError in prices.py:7.", settings: Settings = SETTINGS, **chat: str) -> Asked:
        return Asked(replace(settings, chat=replace(settings.chat, **chat)), reader, says)

    yield make
    path.unlink()


async def test_a_model_that_sees_gets_pixels_and_what_was_surely_read(asked: Ask) -> None:
    subject = asked()
    answer = await subject.assistant.ask(Question("Why?", images=(PICTURE,)))
    assert [image.data for image in subject.last.images] == [PICTURE.read_bytes()]
    assert "│ KeyError: 'pear'" in subject.last.content
    assert answer.sources[0].startswith("Picture checkout-fails.png as it is, and as it was read")


async def test_native_gives_the_pixels_alone_and_transcript_the_text_alone(asked: Ask) -> None:
    native, transcript = asked(fusion="native"), asked(fusion="transcript")
    await native.assistant.ask(Question("Why?", images=(PICTURE,)))
    await transcript.assistant.ask(Question("Why?", images=(PICTURE,)))
    assert "│ KeyError" not in native.last.content
    assert len(native.last.images) == 1
    assert "│ KeyError" in transcript.last.content
    assert not transcript.last.images


async def test_a_model_that_is_not_known_to_see_gets_the_text(asked: Ask) -> None:
    subject = asked(model="blind")
    await subject.assistant.ask(Question("Why?", images=(PICTURE,)))
    assert not subject.last.images
    assert "│ KeyError" in subject.last.content


async def test_pictures_are_named_in_their_order(asked: Ask, tmp_path: Path) -> None:
    for name, colour in (("before.png", "red"), ("after.png", "blue")):
        PIL.Image.new("RGB", (40, 30), colour).save(tmp_path / name)
    subject = asked()
    question = Question("What changed?", images=(tmp_path / "before.png", tmp_path / "after.png"))
    await subject.assistant.ask(question)
    assert "Pictures, in order: before.png, after.png" in subject.last.content
    assert [image.path for image in subject.last.images] == list(question.images)


async def test_a_follow_up_sees_the_pixels_again_while_the_file_is_the_same(asked: Ask, tmp_path: Path) -> None:
    subject = asked(settings=replace(SETTINGS, memory=MemorySettings()))
    path = tmp_path / "shape.png"
    for colour, seen in (("red", 1), ("blue", 0)):
        PIL.Image.new("RGB", (40, 30), "red").save(path)
        first = await subject.assistant.ask(Question("What is it?", images=(path,), roots=(tmp_path,)))
        PIL.Image.new("RGB", (40, 30), colour).save(path)
        follow_up = Question("And its colour?", conversation=first.conversation, roots=(tmp_path,))
        await subject.assistant.ask(follow_up)
        request = subject.engine.requests[-1]
        assert isinstance(request, ChatRequest)
        assert sum(len(message.images) for message in request.messages) == seen
    await subject.assistant.close()


async def test_an_answer_that_contradicts_what_was_read_is_marked(asked: Ask) -> None:
    subject = asked(says="It is a KeyError in prices.py:9.")
    pieces: list[str] = []
    answer = await subject.assistant.ask(Question("Why?", images=(PICTURE,)), pieces.append)
    assert "⚠ prices.py: line 9 was said, line 7 was read" in answer.text
    assert "".join(pieces) == answer.text


async def test_secrets_do_not_leave_for_another_machine_and_the_answer_says_so(asked: Ask) -> None:
    secret = "ghp_" + "abcdefghijklmnopqrstuvwxyz0123456789"
    elsewhere = replace(SETTINGS, engine=EngineSettings(url="https://models.example.com/v1"))
    here = replace(SETTINGS, engine=EngineSettings(url="http://127.0.0.1:8000/v1"))
    for settings, stays in ((elsewhere, True), (here, False)):
        subject = asked(settings=settings)
        subject.assistant._reader = Reads(f"token: {secret}\nand some more of text")  # type: ignore[assignment]
        answer = await subject.assistant.ask(Question("Why?", images=(PICTURE,)))
        assert (secret not in subject.last.content) == stays
        assert (MASK in subject.last.content) == stays
        assert (not subject.last.images) == stays
        assert ("masked: GitHub token" in answer.sources[0]) == stays


@pytest.mark.parametrize("action", ["fix", "generate"])
async def test_actions_mask_what_they_read_in_pictures_and_say_so(asked: Ask, tmp_path: Path, action: str) -> None:
    secret = "ghp_" + "abcdefghijklmnopqrstuvwxyz0123456789"
    elsewhere = replace(SETTINGS, engine=EngineSettings(url="https://models.example.com/v1"))
    path = tmp_path / "a.py"
    path.write_text("def f():\n    return 1\n", "utf-8")
    request = Request(read_document(path), instruction="as in the picture", images=(PICTURE,), roots=(tmp_path,))
    for settings, stays in ((elsewhere, True), (SETTINGS, False)):
        subject = asked(settings=settings, says="```python\ndef f():\n    return 2\n```")
        subject.assistant._reader = Reads(f"token: {secret}\nand some more of text")  # type: ignore[assignment]
        told: list[str] = []
        await subject.assistant.act(action, request, told.append)
        said = "".join(message.content for each in subject.engine.requests for message in each.messages)
        assert "and some more of text" in said
        assert (secret not in said) == stays
        assert any("masked in the picture" in line and "GitHub token" in line for line in told) == stays


async def test_a_file_that_a_picture_shows_does_not_bring_back_what_was_masked(asked: Ask, tmp_path: Path) -> None:
    code = "import cloud\n\n\ndef connect():\n    {}\n    return cloud.open(key)\n\n\nprint(connect().name)\n"
    (tmp_path / "conf.py").write_text(code.format('key = "AKIAABCDEFGHIJKLMNOP"'), "utf-8")
    subject = asked(settings=replace(SETTINGS, engine=EngineSettings(url="https://models.example.com/v1")))
    text = code.format('key = "AKIAABCDEFGHIJKLMNOQ"')
    subject.assistant._reader = Reads(text, Region("code", text, (0, 0, 9, 9), 1))  # type: ignore[assignment]
    answer = await subject.assistant.ask(Question("Why?", images=(PICTURE,), roots=(tmp_path,)))
    assert "conf.py, lines" in subject.last.content
    assert "conf.py:5" in answer.text
    assert "AKIA" not in subject.last.content + answer.text


class Reads(Reader):
    """Reads this text in every picture."""

    def __init__(self, text: str, *regions: Region) -> None:
        super().__init__(SETTINGS.perception)
        self._text, self._regions = text, regions

    async def read(self, source: Path | bytes, names: Collection[str] = ()) -> Reading:
        lines = tuple(Line(line, (0, 0, 10, 10), 0.99) for line in self._text.splitlines())
        return Reading("terminal", self._text, lines, (100, 100), regions=self._regions)
