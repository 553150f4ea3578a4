"""The main job through `sidesight serve`, a real host and real weights."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from lsprotocol import types as lsp

from mmcore.syntax import errors, parse
from mmcore.text import apply
from mmcore.types import Edit, Position, Range
from tests.e2e.conftest import Editor, Metrics, cursor_after, until

pytestmark = pytest.mark.weights

Connect = Callable[[], Any]

CURSORS = [
    ("shop/cart.py", "python", 'rounded down."""\n    ', ("total", "percent")),
    ("web/cart.ts", "typescript", "of items) {\n    ", ("sum", "item")),
    ("rust/cart.rs", "rust", "in items {\n        ", ("sum", "item")),
    ("go/cart.go", "go", "range items {\n\t\t", ("sum", "item")),
    ("c/cart.c", "c", "i++) {\n        ", ("sum", "items[i]")),
]


@pytest.mark.parametrize(("path", "language", "mark", "words"), CURSORS, ids=[case[1] for case in CURSORS])
async def test_ghost_text_fits_where_the_cursor_is(
    connect: Connect, path: str, language: str, mark: str, words: tuple[str, ...]
) -> None:
    async with connect() as editor:
        text = editor.open(path)
        cursor = cursor_after(text, mark)
        item = await editor.ghost(path, cursor.line, cursor.column)
    assert item is not None
    assert item.range is not None
    assert (item.range.start.line, item.range.start.character) == (cursor.line, 0)
    written = str(item.insert_text)
    assert all(word in written for word in words), written
    span = Range(Position(cursor.line, 0), cursor)
    tree = parse(apply(text, [Edit(span, written)]), language)
    assert tree is not None
    assert errors(tree) == 0, written


async def test_a_cancelled_request_stops_generating(connect: Connect) -> None:
    async with connect() as editor:
        await editor.ask("Say hello.")
        metrics = Metrics()
        before = await metrics.value("sidesight_generated_tokens_total")
        late = await metrics.value("sidesight_tokens_after_disconnect_total")
        task = asyncio.create_task(editor.ask("Count from 1 to 500, one number a line.", workDoneToken="count"))
        await until(lambda: any(token == "count" and value["kind"] == "report" for token, value in editor.progress))
        number = max(editor.client.protocol._request_futures)
        editor.client.cancel_request(lsp.CancelParams(id=number))
        with pytest.raises(Exception, match=r"[Cc]ancel"):
            await task
        await until(lambda: _idle(metrics))
        assert 0 < await metrics.value("sidesight_generated_tokens_total") - before < 160
        assert await metrics.value("sidesight_tokens_after_disconnect_total") - late <= 1


async def _idle(metrics: Metrics) -> bool:
    return await metrics.value("sidesight_running") == 0


@pytest.mark.parametrize(
    ("question", "expected"), [("Why does this fail?", "KeyError"), ("这个程序为什么失败？", "KeyError")]
)
async def test_an_answer_about_a_screenshot_names_and_links_the_line(
    connect: Connect, question: str, expected: str
) -> None:
    async with connect() as editor:
        picture = editor.folder / "pictures" / "checkout-fails.png"
        answer = await editor.ask(question, images=[str(picture)], workDoneToken="t")
        pieces = [value["message"] for token, value in editor.progress if token == "t" and value["kind"] == "report"]
        follow_up = await editor.ask("Which exception was it?", conversation=answer["conversation"])
    assert "".join(pieces) == answer["answer"]
    assert "prices.py" in answer["answer"]
    assert any(word in answer["answer"] for word in (expected, "pear"))
    first = answer["locations"][0]
    assert first["uri"].endswith("shop/prices.py")
    assert first["range"]["start"]["line"] == 6
    assert any("checkout-fails.png" in source for source in answer["sources"])
    assert expected in follow_up["answer"]
    if not question.isascii():
        assert any("\u4e00" <= character <= "\u9fff" for character in answer["answer"])


async def test_a_host_that_was_killed_is_replaced_between_two_requests(connect: Connect) -> None:
    async with connect() as editor:
        text = editor.open("shop/cart.py")
        cursor = cursor_after(text, 'rounded down."""\n    ')
        first = await editor.ghost("shop/cart.py", cursor.line, cursor.column)
        killed = Metrics().pid
        os.kill(killed, signal.SIGKILL)
        second = await editor.ask("Say hello.")
        assert Metrics().pid != killed
    assert first is not None
    assert second["answer"]
    assert editor.messages == []


async def test_two_editors_share_one_host(connect: Connect) -> None:
    async with connect() as one, connect() as other:
        await asyncio.gather(one.ask("Say hello."), other.ask("Say hello."))
        metrics = Metrics()
        assert await metrics.value("sidesight_models_loaded") == 1


async def test_initialize_is_answered_and_files_are_edited_before_any_model_is_there(workspace: Any) -> None:
    editor = Editor(workspace)
    result = await editor.start()
    assert result.capabilities.inline_completion_provider
    assert result.capabilities.execute_command_provider is not None
    assert "sidesight.ask" in result.capabilities.execute_command_provider.commands
    await editor.stop()
