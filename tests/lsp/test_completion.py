from __future__ import annotations

from typing import Any

import pytest

PLAIN = {"textDocument": {}}


async def listed(editor: Any, at: Any, line: int, character: int) -> list[dict[str, Any]]:
    result = await editor.request("textDocument/completion", at(line, character))
    assert result["isIncomplete"] is True
    items: list[dict[str, Any]] = result["items"]
    return items


async def test_client_with_inline_completion_is_not_offered_the_list_as_well(connect: Any, scripted: Any) -> None:
    editor = await connect(scripted([]))
    offered = editor.capabilities["capabilities"]
    assert offered["inlineCompletionProvider"] == {}
    assert "completionProvider" not in offered


async def test_client_without_it_is_offered_the_list(connect: Any, scripted: Any) -> None:
    editor = await connect(scripted([]), capabilities=PLAIN)
    assert "completionProvider" in editor.capabilities["capabilities"]


@pytest.mark.parametrize(
    ("text", "character", "said", "label", "start"),
    [
        ("value = compute_to", 18, "tal(items)", "compute_total(items)", 8),
        ("    return ", 11, "total", "total", 11),
        ("Größe = grö", 11, "ße + 1", "größe + 1", 8),
        ("s = '😀' + na", 13, "me", "name", 11),
    ],
)
async def test_entry_begins_with_the_word_at_the_cursor(
    connect: Any, scripted: Any, at: Any, text: str, character: int, said: str, label: str, start: int
) -> None:
    editor = await connect(scripted(lambda _: said), capabilities=PLAIN)
    editor.open(text)
    (item,) = await listed(editor, at, 0, character)
    edit = item["textEdit"]
    assert (item["label"], edit["newText"]) == (label, label)
    assert edit["range"] == {"start": {"line": 0, "character": start}, "end": {"line": 0, "character": character}}


async def test_nothing_to_say_is_an_empty_list(connect: Any, scripted: Any, at: Any) -> None:
    editor = await connect(scripted(lambda _: ""), capabilities=PLAIN)
    editor.open("x = ")
    assert await listed(editor, at, 0, 4) == []
