"""Turn what an action made into a `WorkspaceEdit` that only fits the version it was made for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types as lsp
from pygls.capabilities import get_capability

from lsp_server.convert import split_lines, to_lsp_range, uri_of
from lsp_server.protocol import RequestFailed

if TYPE_CHECKING:
    from lsp_server.server import SidesightServer
    from mmcore.actions.request import Outcome

ANNOTATION = "sidesight"


def workspace_edit(server: SidesightServer, outcome: Outcome) -> lsp.WorkspaceEdit:
    """Versioned and annotated as far as the client can; a file that is not there yet is created first.

    Raises RequestFailed when the document changed since, or the client cannot create the file.
    """
    document = outcome.document
    opened = server.documents.get(document.uri)
    if (opened.snapshot().text if opened else document.text) != document.text:
        raise RequestFailed("the document changed meanwhile; nothing was edited, ask again")
    lines = split_lines(document.text)
    edits: list[lsp.TextEdit | lsp.AnnotatedTextEdit | lsp.SnippetTextEdit] = []
    plain = [lsp.TextEdit(to_lsp_range(lines, e.range, server.encoding), e.new_text) for e in outcome.edits]
    uri = opened.uri if opened else document.uri
    create = document.path is not None and opened is None and not document.path.exists()
    if not server.supports("workspace.workspace_edit.document_changes"):
        if create:
            raise RequestFailed("your editor cannot create files for a server; use `sidesight test FILE:NAME --write`")
        return lsp.WorkspaceEdit(changes={uri: plain})
    annotations = None
    if server.supports("workspace.workspace_edit.change_annotation_support"):
        # Where tests could have judged and were not allowed to, the user does.
        confirm = any(
            check.name in ("tests", "examples") and check.status == "could_not_run" for check in outcome.checks
        )
        annotations = {ANNOTATION: lsp.ChangeAnnotation("Sidesight", confirm, checked(outcome))}
        edits += [lsp.AnnotatedTextEdit(ANNOTATION, edit.range, edit.new_text) for edit in plain]
    else:
        edits += plain
    version = opened.version if opened else None
    changes: list[lsp.TextDocumentEdit | lsp.CreateFile | lsp.RenameFile | lsp.DeleteFile] = []
    if create:
        kinds = get_capability(server.client_capabilities, "workspace.workspace_edit.resource_operations", [])
        if lsp.ResourceOperationKind.Create not in kinds:
            raise RequestFailed("your editor cannot create files for a server; use `sidesight test FILE:NAME --write`")
        assert document.path is not None
        changes.append(lsp.CreateFile(uri_of(document.path), options=lsp.CreateFileOptions(ignore_if_exists=False)))
    changes.append(lsp.TextDocumentEdit(lsp.OptionalVersionedTextDocumentIdentifier(uri, version), edits))
    return lsp.WorkspaceEdit(document_changes=changes, change_annotations=annotations)


def checked(outcome: Outcome) -> str:
    """What was checked, in one line."""
    marks = {"passed": "✓", "failed": "✗", "could_not_run": "–"}
    return " ".join(f"{marks[check.status]} {check.name}" for check in outcome.checks)
