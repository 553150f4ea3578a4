from __future__ import annotations

import asyncio
from typing import Any

SHOWS = {"window": {"workDoneProgress": True}}
CREATES = {"window/workDoneProgress/create": lambda _: None}


class Gate:
    """The engine's pace: no token before `open` is set."""

    def __init__(self) -> None:
        self.open = asyncio.Event()

    async def __call__(self) -> None:
        await self.open.wait()


async def asked(editor: Any, at: Any, script: Any) -> Any:
    """A request that waits for the engine."""
    editor.open("x = ")
    reply = editor.ask("textDocument/inlineCompletion", at(0, 4), id_="waiting")
    async with asyncio.timeout(20):
        while not script.engine.requests:
            await asyncio.sleep(0)
    return reply


def values(editor: Any) -> list[dict[str, Any]]:
    return [params["value"] for params in editor.heard_of("$/progress")]


async def test_what_the_engine_says_is_shown_as_progress_until_the_answer(connect: Any, scripted: Any, at: Any) -> None:
    gate = Gate()
    script = scripted(lambda _: "1", gate)
    editor = await connect(script, capabilities=SHOWS, answers=CREATES)
    reply = await asked(editor, at, script)
    script.say("starting the model host")
    script.say("loading a model")
    await editor.until(lambda: len(values(editor)) == 2)
    gate.open.set()
    await reply
    await editor.until(lambda: len(values(editor)) == 3)
    assert values(editor) == [
        {"kind": "begin", "title": "Sidesight", "cancellable": False, "message": "starting the model host"},
        {"kind": "report", "message": "loading a model"},
        {"kind": "end"},
    ]
    assert len(editor.heard_of("window/workDoneProgress/create")) == 1


async def test_progress_outlives_the_request_that_a_key_drops(connect: Any, scripted: Any, at: Any) -> None:
    gate = Gate()
    script = scripted(lambda _: "1", gate)
    editor = await connect(script, capabilities=SHOWS, answers=CREATES)
    await asked(editor, at, script)
    script.say("loading a model")
    await editor.until(lambda: values(editor))
    editor.change({"text": "x = 1 + "})
    script.say("")
    gate.open.set()
    assert await editor.ghost(0, 8)
    await editor.until(lambda: len(values(editor)) == 2)
    assert [value["kind"] for value in values(editor)] == ["begin", "end"]


async def test_progress_ends_when_nobody_waits_any_more(connect: Any, scripted: Any, at: Any) -> None:
    script = scripted(lambda _: "1", Gate())
    editor = await connect(script, capabilities=SHOWS, answers=CREATES)
    await asked(editor, at, script)
    script.say("loading a model")
    await editor.until(lambda: values(editor))
    editor.cancel("waiting")
    await editor.until(lambda: values(editor)[-1]["kind"] == "end")


async def test_client_that_shows_no_progress_gets_none(connect: Any, scripted: Any, at: Any) -> None:
    gate = Gate()
    script = scripted(lambda _: "1", gate)
    editor = await connect(script)
    reply = await asked(editor, at, script)
    script.say("loading a model")
    gate.open.set()
    await reply
    assert not editor.heard


async def test_client_that_refuses_the_token_gets_its_answer_all_the_same(connect: Any, scripted: Any, at: Any) -> None:
    gate = Gate()
    script = scripted(lambda _: "1", gate)
    editor = await connect(script, capabilities=SHOWS)
    reply = await asked(editor, at, script)
    script.say("loading a model")
    await editor.until(lambda: editor.heard_of("window/workDoneProgress/create"))
    gate.open.set()
    assert (await reply)["result"]["items"]
    assert not values(editor)
