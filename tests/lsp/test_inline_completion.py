from __future__ import annotations

from typing import Any

import pytest

from mmcore.config import CompletionSettings, Settings
from mmcore.errors import EngineUnavailable

TOTAL = lambda _: "total + 1"  # noqa: E731 - a script


async def test_item_replaces_from_the_start_of_the_line_to_the_cursor(connect: Any, scripted: Any) -> None:
    editor = await connect(scripted(TOTAL))
    editor.open("def f(total):\n    return \n")
    (item,) = await editor.ghost(1, 11)
    assert item["insertText"] == "    return total + 1"
    assert item["range"] == {"start": {"line": 1, "character": 0}, "end": {"line": 1, "character": 11}}


@pytest.mark.parametrize(("encoding", "inside", "end"), [("utf-8", 17, 21), ("utf-16", 11, 13), ("utf-32", 8, 10)])
async def test_positions_are_counted_as_agreed_on(
    connect: Any, scripted: Any, encoding: str, inside: int, end: int
) -> None:
    general = {"general": {"positionEncodings": [encoding]}}
    editor = await connect(scripted(TOTAL), capabilities=general)
    assert editor.capabilities["capabilities"]["positionEncoding"] == encoding
    editor.open("s = '😀😀😀'\nx\n")
    for character, text in ((inside, "的"), (end, ";")):
        spot = {"line": 0, "character": character}
        editor.change({"range": {"start": spot, "end": spot}, "text": text})
    (item,) = await editor.ghost(0, end + 1)
    assert item["insertText"] == "s = '😀😀😀的';total + 1"
    assert item["range"]["end"]["character"] == end + 1


async def test_engine_sees_the_text_as_it_is_after_the_edits(connect: Any, scripted: Any) -> None:
    script = scripted(TOTAL)
    editor = await connect(script)
    editor.open("a = 1\r\nb = \r\n")
    start, end = {"line": 0, "character": 4}, {"line": 0, "character": 5}
    editor.change({"range": {"start": start, "end": end}, "text": "22"})
    await editor.ghost(1, 4)
    assert script.engine.requests[-1].prompt.endswith("a = 22\nb = ")


async def test_multi_line_text_has_the_line_ends_of_the_document(connect: Any, scripted: Any) -> None:
    editor = await connect(scripted(lambda _: "\n    a()\n    b()\n"))
    editor.open("def f():\r\n\r\nx = 1\r\n")
    (item,) = await editor.ghost(0, 8)
    assert item["insertText"] == "def f():\r\n    a()\r\n    b()"


@pytest.mark.parametrize("uri", ["untitled:Untitled-1", "vscode-notebook-cell:/a.ipynb#W0"])
async def test_document_without_a_file_is_completed_too(connect: Any, scripted: Any, uri: str) -> None:
    editor = await connect(scripted(TOTAL))
    editor.open("x = ", uri=uri)
    assert await editor.ghost(0, 4, uri=uri)


async def test_document_that_is_not_open_has_no_completion(connect: Any, scripted: Any) -> None:
    script = scripted(TOTAL)
    editor = await connect(script)
    assert await editor.ghost(0, 0) == []
    editor.open("x = ")
    editor.notify("textDocument/didClose", {"textDocument": {"uri": "file:///w/a.py"}})
    assert await editor.ghost(0, 4) == []
    assert not script.opened


async def test_completion_can_be_turned_off(connect: Any, scripted: Any) -> None:
    script = scripted(TOTAL)
    editor = await connect(script, Settings(completion=CompletionSettings(enabled=False)))
    editor.open("x = ")
    assert await editor.ghost(0, 4) == []
    assert not script.opened


async def test_initialize_opens_nothing(connect: Any, scripted: Any) -> None:
    script = scripted(TOTAL)
    await connect(script)
    assert not script.opened


async def test_dead_engine_is_reported_once_until_it_is_back(connect: Any, scripted: Any) -> None:
    answers = iter(
        [EngineUnavailable("gone, start it"), EngineUnavailable("still gone"), "1", EngineUnavailable("again")]
    )
    editor = await connect(scripted(lambda _: next(answers)))
    editor.open("x = ")
    shown = []
    for typed in ("x = ", "y = ", "z = ", "w = "):
        editor.change({"text": typed})
        items = await editor.ghost(0, 4)
        shown.append((len(items), len(editor.heard_of("window/showMessage"))))
    assert shown == [(0, 1), (0, 1), (1, 1), (0, 2)]
    assert [message["message"] for message in editor.heard_of("window/showMessage")] == [
        "Sidesight: gone, start it",
        "Sidesight: again",
    ]


async def test_failure_that_nobody_foresaw_is_an_empty_answer_and_a_message(connect: Any, scripted: Any) -> None:
    def fail(_: Any) -> str:
        raise ZeroDivisionError

    editor = await connect(scripted(fail))
    editor.open("x = ")
    assert await editor.ghost(0, 4) == []
    (message,) = editor.heard_of("window/showMessage")
    assert "ZeroDivisionError" in message["message"]
    assert "Traceback" not in message["message"]
