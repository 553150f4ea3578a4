"""A screenshot opens the file that it points to and leaves its errors there, until they are cleared."""

from __future__ import annotations

import base64
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

INVALID_PARAMS, REQUEST_FAILED = -32602, -32803
SAMPLE = Path(__file__).parents[2] / "lsp_server" / "sample"
PICTURE = SAMPLE / "pictures" / "checkout-fails.png"
CAN = {
    "window": {"showDocument": {"support": True}},
    "textDocument": {"inlineCompletion": {}, "publishDiagnostics": {"relatedInformation": True}},
}
SHOWS = {"window/showDocument": lambda params: {"success": True}}
OPEN = {"name": "sidesight.openFromImage"}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return shutil.copytree(SAMPLE, tmp_path / "shop")


@pytest.fixture
def open_shop(connect: Any, scripted: Any, shop: Path) -> Any:
    async def opened(**more: Any) -> Any:
        return await connect(scripted(lambda _: ""), roots=[shop], **{"capabilities": CAN, "answers": SHOWS, **more})

    return opened


async def test_the_innermost_place_of_the_users_code_is_opened(open_shop: Any, shop: Path) -> None:
    editor = await open_shop()
    result = await editor.command(str(PICTURE), **OPEN)
    (shown,) = editor.heard_of("window/showDocument")
    assert shown["uri"] == (shop / "shop" / "prices.py").as_uri()
    assert shown["takeFocus"]
    assert shown["selection"]["start"] == {"line": 6, "character": 4}
    assert result["shown"]
    assert [place["range"]["start"]["line"] for place in result["locations"]] == [6, 15, 5]


async def test_the_error_in_the_picture_is_a_diagnostic_with_the_way_to_it(open_shop: Any, shop: Path) -> None:
    editor = await open_shop()
    result = await editor.command(str(PICTURE), **OPEN)
    assert result["published"] == 1
    (params,) = editor.heard_of("textDocument/publishDiagnostics")
    assert params["uri"] == (shop / "shop" / "prices.py").as_uri()
    (diagnostic,) = params["diagnostics"]
    assert (diagnostic["source"], diagnostic["message"]) == ("sidesight (screenshot)", "KeyError: 'pear'")
    assert diagnostic["severity"] == 1
    steps = [(Path(step["location"]["uri"]).name, step["message"]) for step in diagnostic["relatedInformation"]]
    assert steps == [("cart.py", "in <genexpr>"), ("__main__.py", "in <module>")]


async def test_diagnostics_of_a_picture_go_when_they_are_cleared_or_another_comes(open_shop: Any) -> None:
    editor = await open_shop()
    for _ in range(2):
        await editor.command(str(PICTURE), **OPEN)
    counts = [len(params["diagnostics"]) for params in editor.heard_of("textDocument/publishDiagnostics")]
    assert counts == [1, 0, 1]
    assert await editor.command(name="sidesight.clearFromImage") == {"cleared": 1}
    assert editor.heard_of("textDocument/publishDiagnostics")[-1]["diagnostics"] == []
    assert await editor.command(name="sidesight.clearFromImage") == {"cleared": 0}


async def test_findings_of_a_review_stay_beside_those_of_a_picture(connect: Any, scripted: Any, shop: Path) -> None:
    says = scripted(lambda _: "LINE: return PRICES[name]\nFAULT: Unknown names fail.")
    editor = await connect(says, roots=[shop], capabilities=CAN, answers=SHOWS)
    await editor.command(str(PICTURE), **OPEN)
    await editor.command({"textDocument": {"uri": (shop / "shop" / "prices.py").as_uri()}}, name="sidesight.review")
    await editor.command(name="sidesight.clearFromImage")
    sources = [
        [diagnostic["source"] for diagnostic in params["diagnostics"]]
        for params in editor.heard_of("textDocument/publishDiagnostics")
    ]
    assert sources == [["sidesight (screenshot)"], ["sidesight (screenshot)", "sidesight"], ["sidesight"]]


async def test_picture_as_data_and_without_showing_or_publishing(open_shop: Any) -> None:
    editor = await open_shop()
    uri = "data:image/png;base64," + base64.b64encode(PICTURE.read_bytes()).decode()
    result = await editor.command({"image": uri, "show": False, "publish": False}, **OPEN)
    assert not result["shown"]
    assert result["locations"]
    assert not editor.heard


async def test_client_that_cannot_show_documents_is_told_where_to_go(open_shop: Any) -> None:
    editor = await open_shop(capabilities={"textDocument": {"inlineCompletion": {}}})
    result = await editor.command(str(PICTURE), **OPEN)
    assert not result["shown"]
    assert result["locations"]
    assert not editor.heard_of("window/showDocument")


async def test_picture_on_the_clipboard(open_shop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("wl-paste", "xclip"):
        (tools / name).write_text(f"#!/bin/sh\ncat '{PICTURE}'\n", "utf-8")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    result = await (await open_shop()).command("clipboard:", **OPEN)
    assert Path(result["locations"][0]["uri"]).name == "prices.py"


async def test_picture_that_names_nothing_here_is_said_to(
    connect: Any, scripted: Any, refused: Any, tmp_path: Path
) -> None:
    editor = await connect(scripted(lambda _: ""), roots=[tmp_path], capabilities=CAN, answers=SHOWS)
    with pytest.raises(refused, match=r"prices\.py:7\): open its folder") as error:
        await editor.command(str(PICTURE), **OPEN)
    assert error.value.code == REQUEST_FAILED


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ([], "takes one argument"),
        ([""], "takes one argument"),
        ([{"picture": "x"}], "takes one argument"),
        ([{"image": "x", "shown": True}], "knows no 'shown'"),
        ([{"image": "x", "show": 1}], "show must be true or false"),
        (["nowhere.png"], "does not exist"),
        (["https://example.org/x.png"], "not fetched"),
    ],
)
async def test_wrong_arguments_are_refused_in_one_line(
    open_shop: Any, refused: Any, given: list[Any], complaint: str
) -> None:
    editor = await open_shop()
    with pytest.raises(refused, match=complaint) as error:
        await editor.command(*given, **OPEN)
    assert error.value.code == INVALID_PARAMS
    assert "\n" not in str(error.value)
