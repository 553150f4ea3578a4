from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from lsp_server.features.ask import check
from mmcore.errors import EngineUnavailable, InputError

INVALID_PARAMS, REQUEST_FAILED = -32602, -32803
ANSWER = "Because **total** is None: 因为。"


async def test_answer_comes_whole_with_all_that_belongs_to_it(connect: Any, scripted: Any, tmp_path: Path) -> None:
    editor = await connect(scripted(lambda _: ANSWER), roots=[tmp_path])
    result = await editor.command({"question": "why?"})
    assert set(result) == {"answer", "conversation", "locations", "sources", "model"}
    assert result["answer"] == ANSWER
    assert result["conversation"]


async def test_answer_streams_to_the_token_of_the_client(connect: Any, scripted: Any, tmp_path: Path) -> None:
    editor = await connect(scripted(lambda _: ANSWER), roots=[tmp_path])
    await editor.command({"question": "why?", "workDoneToken": "mine"})
    progress = editor.heard_of("$/progress")
    assert {params["token"] for params in progress} == {"mine"}
    kinds = [params["value"]["kind"] for params in progress]
    assert (kinds[0], kinds[-1], set(kinds[1:-1])) == ("begin", "end", {"report"})
    assert len(kinds) > 5
    assert "".join(params["value"].get("message", "") for params in progress) == ANSWER


async def test_without_a_token_nothing_streams(connect: Any, scripted: Any, tmp_path: Path) -> None:
    editor = await connect(scripted(lambda _: ANSWER), roots=[tmp_path])
    await editor.command({"question": "why?"})
    assert not editor.heard


async def test_follow_up_sees_the_earlier_turn(connect: Any, scripted: Any, tmp_path: Path) -> None:
    script = scripted(lambda _: ANSWER)
    editor = await connect(script, roots=[tmp_path])
    first = await editor.command({"question": "why does it fail?"})
    second = await editor.command({"question": "and now?", "conversation": first["conversation"]})
    assert second["conversation"] == first["conversation"]
    said = [message.content for message in script.engine.requests[-1].messages]
    assert any("why does it fail?" in text for text in said)
    assert ANSWER in said


async def test_question_about_a_selection_shows_the_model_the_text_on_the_screen(
    connect: Any, scripted: Any, tmp_path: Path
) -> None:
    script = scripted(lambda _: ANSWER)
    editor = await connect(script, roots=[tmp_path])
    editor.open("first\n'😀', second, third\n", uri=(tmp_path / "a.py").as_uri())
    span = {"start": {"line": 1, "character": 6}, "end": {"line": 1, "character": 12}}
    await editor.command(
        {"question": "what?", "textDocument": {"uri": (tmp_path / "a.py").as_uri(), "version": 3}, "range": span}
    )
    shown = script.engine.requests[-1].messages[-1].content
    assert "second" in shown
    assert "first" not in shown
    assert "third" not in shown


async def test_file_that_is_not_open_is_read_from_disk(connect: Any, scripted: Any, tmp_path: Path) -> None:
    (tmp_path / "b.py").write_text("on_disk = 1\n")
    script = scripted(lambda _: ANSWER)
    editor = await connect(script, roots=[tmp_path])
    await editor.command({"question": "what?", "textDocument": {"uri": (tmp_path / "b.py").as_uri()}})
    assert "on_disk" in script.engine.requests[-1].messages[-1].content


PICTURE = {"question": "what is wrong here?"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "takes one argument"),
        (["why?"], "takes one argument"),
        ([{"question": "a"}, {}], "takes one argument"),
        ([{}], "question is missing"),
        ([{"question": " "}], "question must be a text that is not empty"),
        ([{"question": 3}], "question must be"),
        ([{"question": "a", "image": []}], "knows no 'image'"),
        ([{**PICTURE, "images": "a.png"}], "images must be a list of texts"),
        ([{**PICTURE, "images": [1]}], "images must be a list of texts"),
        ([{**PICTURE, "images": ["https://example.org/a.png"]}], "pictures are not fetched"),
        ([{**PICTURE, "images": ["data:image/png,abc"]}], "must be base64"),
        ([{**PICTURE, "images": ["data:image/png;base64,%%%"]}], "not valid base64"),
        ([{**PICTURE, "images": ["data:image/png;base64," + "A" * 41_000_000]}], "over 30,000,000 bytes"),
        ([{**PICTURE, "images": ["file:///none/such.png"]}], "such.png"),
        ([{**PICTURE, "images": ["none.png"]}], "none.png"),
        ([{**PICTURE, "images": ["data:image/png;base64," + base64.b64encode(b"no picture").decode()]}], "picture"),
        ([{"question": "a", "textDocument": "file:///a"}], "textDocument must be"),
        ([{"question": "a", "textDocument": {"uri": "untitled:1"}}], "not open"),
        ([{"question": "a", "textDocument": {"uri": "file:///none/such.py"}}], "does not exist"),
        ([{"question": "a", "range": {"start": {}, "end": {}}}], "range must be an LSP range"),
        ([{"question": "a", "range": 4}], "range must be an LSP range"),
        ([{"question": "a", "conversation": 4}], "conversation must be a text"),
        ([{"question": "a", "conversation": "no-such"}], "no-such"),
        ([{"question": "a", "workDoneToken": True}], "workDoneToken must be"),
    ],
)
async def test_malformed_call_gets_one_clear_line(
    connect: Any, scripted: Any, refused: Any, tmp_path: Path, arguments: list[Any], complaint: str
) -> None:
    script = scripted(lambda _: ANSWER)
    editor = await connect(script, roots=[tmp_path])
    with pytest.raises(refused, match=complaint) as caught:
        await editor.command(*arguments)
    assert caught.value.code == INVALID_PARAMS
    assert "\n" not in str(caught.value)
    assert not script.engine.requests
    assert not editor.heard_of("window/showMessage")


async def test_dead_engine_is_an_error_reply_and_ends_the_progress(
    connect: Any, scripted: Any, refused: Any, tmp_path: Path
) -> None:
    editor = await connect(scripted(lambda _: EngineUnavailable("gone, start it")), roots=[tmp_path])
    with pytest.raises(refused, match=r"^gone, start it$") as caught:
        await editor.command({"question": "why?", "workDoneToken": 1})
    assert caught.value.code == REQUEST_FAILED
    assert editor.heard_of("$/progress")[-1]["value"] == {"kind": "end"}


async def test_failure_that_nobody_foresaw_is_told_without_its_stack_trace(
    connect: Any, scripted: Any, refused: Any, tmp_path: Path
) -> None:
    def fail(_: Any) -> str:
        raise ZeroDivisionError

    editor = await connect(scripted(fail), roots=[tmp_path])
    with pytest.raises(refused, match=r"Sidesight failed \(ZeroDivisionError\)"):
        await editor.command({"question": "why?"})


def test_a_range_needs_its_document() -> None:
    span = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 1}}
    with pytest.raises(InputError, match="textDocument"):
        check(({"question": "a", "range": span},))


def test_members_that_are_null_are_not_given() -> None:
    assert check(({"question": "a", "range": None, "images": None},)) == {"question": "a"}
