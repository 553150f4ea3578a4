"""Commands and the light bulb, on a scripted model and real checks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from mmcore.verify import consent

INVALID_PARAMS, REQUEST_FAILED, CANCELLED = -32602, -32803, -32800
CODE = "def add(a, b):\n    return a - b\n\n\ndef other():\n    return undefined_name\n"
FIXED = "```python\ndef add(a, b):\n    return a + b\n```"
SLOTS = "SUMMARY: Add two numbers together.\nPARAM a: The first one.\nPARAM b: The second one.\nRETURNS: Their sum."
WHOLE = {"start": {"line": 0, "character": 4}, "end": {"line": 0, "character": 4}}
CAN = {
    "textDocument": {
        "inlineCompletion": {},
        "codeAction": {"resolveSupport": {"properties": ["edit"]}, "dataSupport": True},
    },
    "workspace": {
        "applyEdit": True,
        "workspaceEdit": {
            "documentChanges": True,
            "resourceOperations": ["create"],
            "changeAnnotationSupport": {},
        },
    },
    "window": {"workDoneProgress": True},
}
YES = {"workspace/applyEdit": lambda params: {"applied": True}, "window/workDoneProgress/create": lambda params: None}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "sums.py"
    path.write_text(CODE)
    consent.refuse(tmp_path)  # decided: nothing is asked in the way
    return path


@pytest.fixture
def open_file(connect: Any, scripted: Any, file: Path) -> Any:
    """An editor with the file open, and what its model says."""

    async def opened(script: Any, answers: dict[str, Any] | None = None, capabilities: Any = None, **more: Any) -> Any:
        said = {**YES, **(answers or {})}
        editor = await connect(
            scripted(script, **more), roots=[file.parent], capabilities=capabilities or CAN, answers=said
        )
        editor.open(CODE, uri=file.as_uri())
        return editor

    return opened


def about(file: Path, **more: Any) -> dict[str, Any]:
    return {"textDocument": {"uri": file.as_uri()}, "range": WHOLE, **more}


def bulb(file: Path, *diagnostics: dict[str, Any], **more: Any) -> dict[str, Any]:
    context = {"diagnostics": list(diagnostics), **more}
    return {"textDocument": {"uri": file.as_uri()}, "range": WHOLE, "context": context}


def wrong(code: str = "F821", message: str = "it subtracts") -> dict[str, Any]:
    return {"range": WHOLE, "message": message, "code": code, "source": "Ruff", "severity": 1}


async def test_command_applies_a_checked_edit_to_the_version_it_was_made_for(open_file: Any, file: Path) -> None:
    editor = await open_file(lambda _: FIXED)
    result = await editor.command(about(file, instruction="add, do not subtract"), name="sidesight.fix")
    assert result["passed"]
    assert result["applied"]
    assert "+    return a + b" in result["diff"]
    assert {"applies", "parses", "scope", "names exist"} <= {check["name"] for check in result["checks"]}
    (params,) = editor.heard_of("workspace/applyEdit")
    (change,) = params["edit"]["documentChanges"]
    assert change["textDocument"] == {"uri": file.as_uri(), "version": 1}
    assert change["edits"][0]["annotationId"] in params["edit"]["changeAnnotations"]


async def test_edit_is_refused_when_the_document_changed_meanwhile(open_file: Any, file: Path) -> None:
    steps = asyncio.Semaphore(0)
    editor = await open_file(lambda _: FIXED, pace=steps.acquire)
    asked = editor.ask(
        "workspace/executeCommand", {"command": "sidesight.fix", "arguments": [about(file, instruction="x")]}
    )
    await editor.until(lambda: editor.heard_of("$/progress"))
    editor.change({"text": "# new\n" + CODE}, uri=file.as_uri())
    for _ in range(200):
        steps.release()
    reply = await asked
    assert reply["error"]["code"] == REQUEST_FAILED
    assert "changed" in reply["error"]["message"]
    assert not editor.heard_of("workspace/applyEdit")


async def test_an_edit_that_fails_its_checks_is_not_applied_and_the_reason_is_told(open_file: Any, file: Path) -> None:
    editor = await open_file(lambda _: "```python\ndef add(a, b):\n    return nowhere(a, b)\n```")
    result = await editor.command(about(file, instruction="x"), name="sidesight.fix")
    assert not result["passed"]
    assert not result["applied"]
    assert any(check["status"] == "failed" and "nowhere" in check["detail"] for check in result["checks"])
    assert not editor.heard_of("workspace/applyEdit")
    assert editor.heard_of("window/showMessage")


async def test_document_writes_a_docstring_and_nothing_else(open_file: Any, file: Path) -> None:
    editor = await open_file(lambda _: SLOTS)
    result = await editor.command(about(file), name="sidesight.document")
    assert result["applied"]
    added = [line[1:] for line in result["diff"].splitlines() if line.startswith("+") and not line.startswith("+++")]
    assert added[0] == '    """Add two numbers together.'
    assert not [line for line in result["diff"].splitlines() if line.startswith("-") and not line.startswith("---")]


async def test_light_bulb_shows_at_once_what_is_computed_when_chosen(open_file: Any, file: Path) -> None:
    editor = await open_file(lambda _: FIXED)
    offered = await editor.request("textDocument/codeAction", bulb(file, wrong()))
    kinds = {action["kind"]: action for action in offered}
    assert {"quickfix", "source.sidesight.document", "source.sidesight.test", "source.sidesight.review"} <= set(kinds)
    fix = kinds["quickfix"]
    assert fix["isPreferred"]
    assert fix["diagnostics"][0]["message"] == "it subtracts"
    assert "edit" not in fix
    resolved = await editor.request("codeAction/resolve", fix)
    assert "a + b" in resolved["edit"]["documentChanges"][0]["edits"][0]["newText"]


async def test_resolving_is_refused_when_the_document_changed(open_file: Any, file: Path, refused: Any) -> None:
    editor = await open_file(lambda _: FIXED)
    offered = await editor.request("textDocument/codeAction", bulb(file, wrong()))
    editor.change({"text": "# new\n" + CODE}, uri=file.as_uri())
    with pytest.raises(refused, match="changed"):
        await editor.request("codeAction/resolve", offered[0])


async def test_only_the_kinds_that_are_asked_for_are_offered(open_file: Any, file: Path) -> None:
    editor = await open_file(lambda _: FIXED)
    offered = await editor.request("textDocument/codeAction", bulb(file, wrong(), only=["source.sidesight"]))
    assert {action["kind"].rpartition(".")[0] for action in offered} == {"source.sidesight"}


async def test_a_client_that_cannot_resolve_gets_commands(open_file: Any, file: Path) -> None:
    editor = await open_file(lambda _: FIXED, capabilities={"textDocument": {"inlineCompletion": {}}})
    offered = await editor.request("textDocument/codeAction", bulb(file, wrong()))
    assert offered[0]["command"]["command"] == "sidesight.fix"
    result = await editor.command(*offered[0]["command"]["arguments"], name="sidesight.fix")
    assert result["applied"]
    (params,) = editor.heard_of("workspace/applyEdit")
    assert list(params["edit"]["changes"]) == [file.as_uri()]


async def test_consent_is_asked_once_and_nothing_runs_without_it(open_file: Any, file: Path, tmp_path: Path) -> None:
    witness = tmp_path / "ran"
    (tmp_path / "test_sums.py").write_text(
        f"from sums import add\nopen({str(witness)!r}, 'w')\n\n\ndef test_add(): assert add(1, 2) == 3\n"
    )
    consent.revoke(tmp_path)
    refuse = {"window/showMessageRequest": lambda params: {"title": "Never here"}}
    editor = await open_file(lambda _: FIXED, answers=refuse)
    for _ in range(2):
        result = await editor.command(about(file, instruction="x", apply=False), name="sidesight.fix")
        tests = [check for check in result["checks"] if check["name"] == "tests"]
        assert [check["status"] for check in tests] == ["could_not_run"]
        assert "consent" in tests[0]["detail"]
    assert len(editor.heard_of("window/showMessageRequest")) == 1
    assert not witness.exists()


async def test_with_consent_the_tests_decide(open_file: Any, file: Path, tmp_path: Path) -> None:
    (tmp_path / "test_sums.py").write_text("from sums import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n")
    consent.revoke(tmp_path)
    allow = {"window/showMessageRequest": lambda params: {"title": "Allow"}}
    editor = await open_file(lambda _: FIXED, answers=allow)
    result = await editor.command(about(file, failingTest="test_sums.py::test_add"), name="sidesight.fix")
    assert [check["status"] for check in result["checks"] if check["name"] == "tests"] == ["passed"]
    assert consent.decision(tmp_path) == "granted"
    await editor.command({"decision": "revoke"}, name="sidesight.trust")
    assert consent.decision(tmp_path) == "unknown"


async def test_cancelling_stops_the_model(open_file: Any, file: Path) -> None:
    editor = await open_file(lambda _: "la " * 10_000)
    asked = editor.ask(
        "workspace/executeCommand", {"command": "sidesight.explain", "arguments": [about(file)]}, id_="mine"
    )
    await editor.until(lambda: editor.heard_of("$/progress"))
    editor.cancel("mine")
    assert (await asked)["error"]["code"] == CANCELLED


async def test_review_publishes_findings_that_point_at_real_code(open_file: Any, file: Path) -> None:
    answer = "LINE: return a - b\nFAULT: It subtracts.\nLINE: return imagined\nFAULT: Not there."
    editor = await open_file(lambda _: answer)
    result = await editor.command({"textDocument": {"uri": file.as_uri()}}, name="sidesight.review")
    assert result["locations"][0]["range"]["start"] == {"line": 1, "character": 4}
    (params,) = editor.heard_of("textDocument/publishDiagnostics")
    assert [(d["source"], d["message"]) for d in params["diagnostics"]] == [("sidesight", "It subtracts.")]


async def test_findings_follow_their_lines_and_go_when_those_are_changed(open_file: Any, file: Path) -> None:
    answer = "LINE: return a - b\nFAULT: It subtracts.\nLINE: return undefined_name\nFAULT: No such name."
    editor = await open_file(lambda _: answer)
    await editor.command({"textDocument": {"uri": file.as_uri()}}, name="sidesight.review")
    editor.change({"text": "# new\n" + CODE}, uri=file.as_uri())
    await editor.until(lambda: len(editor.heard_of("textDocument/publishDiagnostics")) == 2)
    editor.change({"text": "# new\n" + CODE.replace("a - b", "a + b")}, uri=file.as_uri())
    await editor.until(lambda: len(editor.heard_of("textDocument/publishDiagnostics")) == 3)
    said = [params["diagnostics"] for params in editor.heard_of("textDocument/publishDiagnostics")]
    assert [[d["range"]["start"]["line"] for d in found] for found in said] == [[1, 5], [2, 6], [6]]


async def test_findings_are_taken_away_by_a_new_review_and_by_command(open_file: Any, file: Path) -> None:
    answers = ["LINE: return a - b\nFAULT: It subtracts.", "NONE", "LINE: return a - b\nFAULT: Again."]
    editor = await open_file(lambda _: answers.pop(0))
    for _ in range(3):
        await editor.command({"textDocument": {"uri": file.as_uri()}}, name="sidesight.review")
    cleared = await editor.command({"textDocument": {"uri": file.as_uri()}}, name="sidesight.clearReview")
    assert cleared == {"cleared": 1}
    said = [params["diagnostics"] for params in editor.heard_of("textDocument/publishDiagnostics")]
    assert [len(found) for found in said] == [1, 0, 1, 0]


async def test_what_is_generated_streams_into_a_preview(open_file: Any, file: Path) -> None:
    editor = await open_file(lambda _: FIXED)
    given = about(file, instruction="another add", apply=False, partialResultToken="preview", workDoneToken="work")
    await editor.command(given, name="sidesight.generate")
    values = [params["value"] for params in editor.heard_of("$/progress") if params["token"] == "preview"]
    assert len(values) > 1
    assert "".join(value["text"] for value in values) == FIXED


async def test_a_finding_can_be_fixed_from_the_light_bulb(open_file: Any, file: Path) -> None:
    answers = ["LINE: return a - b\nFAULT: It subtracts.", FIXED]
    editor = await open_file(lambda _: answers.pop(0))
    await editor.command({"textDocument": {"uri": file.as_uri()}}, name="sidesight.review")
    (published,) = editor.heard_of("textDocument/publishDiagnostics")
    offered = await editor.request("textDocument/codeAction", bulb(file, *published["diagnostics"]))
    resolved = await editor.request("codeAction/resolve", offered[0])
    assert "a + b" in resolved["edit"]["documentChanges"][0]["edits"][0]["newText"]


async def test_a_comment_is_written_out_and_a_definition_mended_from_the_light_bulb(open_file: Any, file: Path) -> None:
    editor = await open_file(lambda _: "```python\ndef triple(x):\n    return 3 * x\n```")
    editor.change({"text": CODE + "\n\n# a function that triples\n"}, uri=file.as_uri())
    at = {"start": {"line": 8, "character": 3}, "end": {"line": 8, "character": 3}}
    offered = await editor.request("textDocument/codeAction", {**bulb(file), "range": at})
    action = next(action for action in offered if action["kind"] == "refactor.rewrite")
    assert action["title"] == "Write: a function that triples"
    resolved = await editor.request("codeAction/resolve", action)
    (edit,) = resolved["edit"]["documentChanges"][0]["edits"]
    assert edit["newText"] == "def triple(x):\n    return 3 * x\n"
    assert edit["range"]["start"] == {"line": 9, "character": 0}
    offered = await editor.request("textDocument/codeAction", bulb(file))
    assert "Fix `add`" in [action["title"] for action in offered if action["kind"] == "refactor.rewrite"]


async def test_the_user_confirms_what_tests_were_not_allowed_to_judge(open_file: Any, file: Path) -> None:
    (file.parent / "test_sums.py").write_text("from sums import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n")
    editor = await open_file(lambda _: FIXED)
    await editor.command(about(file, instruction="add"), name="sidesight.fix")
    (params,) = editor.heard_of("workspace/applyEdit")
    (annotation,) = params["edit"]["changeAnnotations"].values()
    assert annotation["needsConfirmation"]
    assert "– tests" in annotation["description"]


async def test_cancelling_ends_the_tests_that_run(open_file: Any, file: Path, tmp_path: Path) -> None:
    mark = f"sleeper{tmp_path.name}"
    (tmp_path / "test_sums.py").write_text(
        "import subprocess, sys\nfrom sums import add\n\n\ndef test_add():\n"
        f"    subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)', {mark!r}])\n"
    )
    consent.grant(tmp_path)
    editor = await open_file(lambda _: FIXED)
    argument = about(file, failingTest="test_sums.py::test_add")
    asked = editor.ask("workspace/executeCommand", {"command": "sidesight.fix", "arguments": [argument]}, id_="mine")
    await eventually(lambda: running(mark))
    editor.cancel("mine")
    assert (await asked)["error"]["code"] == CANCELLED
    await eventually(lambda: not running(mark))


async def eventually(happened: Callable[[], object]) -> None:
    async with asyncio.timeout(15):  # a test may run for 30 s by itself
        while not happened():
            await asyncio.sleep(0.02)


def running(mark: str) -> list[int]:
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        held = process.info["cmdline"] or ()
        if mark in held and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process.pid)
    return found


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "textDocument"),
        ({"textDocument": {"uri": "file:///w/x.py"}, "more": 1}, "more"),
        ({"textDocument": {"uri": "file:///w/x.py"}, "range": 3}, "range"),
        ({"textDocument": {"uri": "file:///w/x.py"}, "symbol": 3}, "symbol"),
        ({"textDocument": {"uri": "untitled:gone"}}, "not open"),
    ],
)
async def test_wrong_arguments_are_refused_in_one_line(
    open_file: Any, refused: Any, given: Any, complaint: str
) -> None:
    editor = await open_file(lambda _: FIXED)
    with pytest.raises(refused, match=complaint) as error:
        await editor.command(given, name="sidesight.fix")
    assert error.value.code == INVALID_PARAMS
    assert "\n" not in str(error.value)
