"""Checked actions over the language server, on real weights: what lands in the file does what it says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from mmcore.text import apply
from mmcore.types import Edit, Position, Range
from mmcore.verify import consent
from tests.e2e.conftest import Editor, plain

pytestmark = pytest.mark.weights

SUMS = '''\
"""Sums of prices."""


def total(prices, discount=0):
    if discount > 1:
        raise ValueError("discount is a share")
    result = 0
    for price in prices:
        result += price
    return reslt * (1 - discount)


def first(prices):
    """Say which price stands first.

    :param prices: The prices.
    :return: The first of them.
    """
    return prices[0]
'''
CAPABILITIES = lsp.ClientCapabilities(
    workspace=lsp.WorkspaceClientCapabilities(
        apply_edit=True,
        workspace_edit=lsp.WorkspaceEditClientCapabilities(
            document_changes=True, resource_operations=[lsp.ResourceOperationKind.Create]
        ),
    ),
    text_document=lsp.TextDocumentClientCapabilities(
        code_action=lsp.CodeActionClientCapabilities(
            data_support=True, resolve_support=lsp.ClientCodeActionResolveOptions(["edit"])
        )
    ),
    window=lsp.WindowClientCapabilities(work_done_progress=True),
)


class ActingEditor(Editor):
    """Takes edits over, in the files of its folder, as editors do."""

    async def start(self, *arguments: str) -> lsp.InitializeResult:
        @self.client.feature(lsp.WORKSPACE_APPLY_EDIT)
        def _(params: lsp.ApplyWorkspaceEditParams) -> lsp.ApplyWorkspaceEditResult:
            self.take(params.edit)
            return lsp.ApplyWorkspaceEditResult(applied=True)

        await self.client.start_io(sys.executable, "-m", "lsp_server", "serve", *arguments)
        folder = lsp.WorkspaceFolder(self.folder.as_uri(), "w")
        result = await self.client.initialize_async(
            lsp.InitializeParams(capabilities=CAPABILITIES, workspace_folders=[folder])
        )
        self.client.initialized(lsp.InitializedParams())
        return result

    def take(self, edit: lsp.WorkspaceEdit) -> None:
        for change in edit.document_changes or ():
            if isinstance(change, lsp.CreateFile):
                (self.folder / change.uri.rpartition("/")[2]).touch(exist_ok=False)
                continue
            assert isinstance(change, lsp.TextDocumentEdit)
            file = self.folder / change.text_document.uri.rpartition("/")[2]
            edits = []
            for one in change.edits:
                start, end = one.range.start, one.range.end
                span = Range(Position(start.line, start.character), Position(end.line, end.character))
                edits.append(Edit(span, one.new_text))
            file.write_text(apply(file.read_text("utf-8"), edits), "utf-8")

    async def command(self, name: str, **given: Any) -> dict[str, Any]:
        document = {"uri": (self.folder / "sums.py").as_uri()}
        params = lsp.ExecuteCommandParams(f"sidesight.{name}", [{"textDocument": document, **given}])
        return plain(await self.client.workspace_execute_command_async(params))


@pytest.fixture
async def editor(tmp_path: Path, chat_model: str) -> AsyncIterator[ActingEditor]:
    (tmp_path / "sums.py").write_text(SUMS)
    (tmp_path / "ruff.toml").write_text('[lint]\nselect = ["F"]\n')
    consent.grant(tmp_path)
    opened = ActingEditor(tmp_path)
    await opened.start()
    opened.open("sums.py")
    try:
        yield opened
    finally:
        await opened.stop()


def ruff(folder: Path) -> str:
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format=concise", "sums.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


async def test_light_bulb_on_a_diagnostic_makes_it_go_away(editor: ActingEditor) -> None:
    assert "F821" in ruff(editor.folder)
    at = lsp.Range(lsp.Position(9, 11), lsp.Position(9, 16))
    diagnostic = lsp.Diagnostic(at, "Undefined name `reslt`", code="F821", source="Ruff")
    uri = (editor.folder / "sums.py").as_uri()
    offered = await editor.client.text_document_code_action_async(
        lsp.CodeActionParams(lsp.TextDocumentIdentifier(uri), at, lsp.CodeActionContext([diagnostic]))
    )
    action = next(one for one in offered or () if one.kind == lsp.CodeActionKind.QuickFix)
    assert isinstance(action, lsp.CodeAction)
    resolved = await editor.client.code_action_resolve_async(action)
    assert resolved.edit is not None
    editor.take(resolved.edit)
    assert "F821" not in ruff(editor.folder)


async def test_documentation_is_in_the_style_of_the_file(editor: ActingEditor) -> None:
    result = await editor.command("document", symbol="total")
    assert result["applied"]
    written = (editor.folder / "sums.py").read_text("utf-8").partition("def first")[0]
    for line in (":param prices: ", ":param discount: ", ":return: ", ":raises ValueError: "):
        assert line in written


async def test_tests_that_are_written_pass(editor: ActingEditor) -> None:
    result = await editor.command("test", symbol="first")
    assert result["applied"]
    assert {"tests": "passed", "mutants": "passed"}.items() <= {
        c["name"]: c["status"] for c in result["checks"]
    }.items()
    assert passes(editor.folder)


def passes(folder: Path) -> bool:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_sums.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


async def test_a_document_that_changed_refuses_the_edit(editor: ActingEditor) -> None:
    action = lsp.CodeAction(
        "x",
        data={
            "action": "document",
            "uri": (editor.folder / "sums.py").as_uri(),
            "version": 0,
            "range": {"start": {"line": 3, "character": 4}, "end": {"line": 3, "character": 4}},
        },
    )
    with pytest.raises(JsonRpcException, match="changed"):
        await editor.client.code_action_resolve_async(action)
