"""The light bulb: shown at once, computed when chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp

from lsp_server.features.actions import perform, with_consent
from lsp_server.features.workspace_edit import workspace_edit
from lsp_server.protocol import RequestFailed
from mmcore.errors import DocumentError

if TYPE_CHECKING:
    from lsp_server.server import SidesightServer

DOCUMENT, TEST, EXPLAIN, REVIEW = (f"source.sidesight.{name}" for name in ("document", "test", "explain", "review"))
KINDS = [lsp.CodeActionKind.QuickFix, lsp.CodeActionKind.RefactorRewrite, DOCUMENT, TEST, EXPLAIN, REVIEW]


def register(server: SidesightServer) -> None:
    @server.feature(
        lsp.TEXT_DOCUMENT_CODE_ACTION, lsp.CodeActionOptions(code_action_kinds=list(KINDS), resolve_provider=True)
    )
    def code_action(params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        opened = server.documents.get(params.text_document.uri)
        if opened is None:
            return []
        wanted = params.context.only
        offered = [*_fixes(server, params), *_for_code(server, params)]
        return [action for action in offered if not wanted or any(_within(action.kind, kind) for kind in wanted)]

    @server.feature(lsp.CODE_ACTION_RESOLVE)
    async def resolve(action: lsp.CodeAction) -> lsp.CodeAction:
        data = action.data
        if not isinstance(data, dict) or not isinstance(data.get("uri"), str) or "action" not in data:
            return action
        opened = server.documents.get(data["uri"])
        if opened is None or opened.version != data.get("version"):
            raise RequestFailed("the document changed since this was offered; ask again")
        action.edit = await _computed(server, data)
        return action


async def _computed(server: SidesightServer, data: dict[str, Any]) -> lsp.WorkspaceEdit:
    from mmcore.actions.request import Diagnostic, Request
    from mmcore.types import Position, Range

    opened = server.documents.get(data["uri"])
    if opened is None:
        raise DocumentError(f"{data['uri']} is not open in the editor")
    document = opened.snapshot()

    def span(value: dict[str, Any]) -> Range:
        ends = (value["start"], value["end"])
        return opened.range(lsp.Range(*(lsp.Position(end["line"], end["character"]) for end in ends)))

    given = data.get("diagnostic")
    diagnostics = (Diagnostic(span(given["range"]), given["message"], given["code"], given["source"]),) if given else ()
    at = span(data["range"])
    request = Request(
        document,
        None if diagnostics else Range(Position(at.start.line, at.start.column), at.end),
        diagnostics=diagnostics,
        roots=server.roots(document.path),
    )
    request = await with_consent(server, data["action"], request)
    outcome = await perform(server, data["action"], request)
    if not outcome.passed or not outcome.edits:
        raise RequestFailed(outcome.message)
    return workspace_edit(server, outcome)


def _fixes(server: SidesightServer, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
    single = len(params.context.diagnostics) == 1
    return [
        _action(
            server,
            params,
            f"Fix with Sidesight: {diagnostic.message.splitlines()[0][:80] if diagnostic.message else 'this'}",
            lsp.CodeActionKind.QuickFix,
            "fix",
            diagnostic,
            preferred=single or None,
        )
        for diagnostic in params.context.diagnostics
    ]


def _for_code(server: SidesightServer, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
    """What can be done with the definition at the place; nothing where there is none."""
    from mmcore.syntax import enclosing
    from mmcore.text import offset_at

    opened = server.documents.get(params.text_document.uri)
    assert opened is not None
    document = opened.snapshot()
    at = offset_at(document.text, opened.position(params.range.start))
    symbol = enclosing(document.text, document.language, at)
    if symbol is None or not symbol.name:
        return []
    offered = [_action(server, params, f"Document `{symbol.name}`", DOCUMENT, "document")]
    if document.language == "python" and document.path is not None:
        offered.append(_action(server, params, f"Write tests for `{symbol.name}`", TEST, "test"))
    for verb, kind in (("Explain", EXPLAIN), ("Review", REVIEW)):
        title = f"{verb} `{symbol.name}`"
        command = lsp.Command(title, f"sidesight.{verb.lower()}", arguments=[_arguments(params)])
        offered.append(lsp.CodeAction(title, kind=kind, command=command))
    return offered


def _action(
    server: SidesightServer,
    params: lsp.CodeActionParams,
    title: str,
    kind: str,
    name: str,
    diagnostic: lsp.Diagnostic | None = None,
    preferred: bool | None = None,
) -> lsp.CodeAction:
    """Resolved lazily where the client can; else the command that does the same."""
    opened = server.documents.get(params.text_document.uri)
    assert opened is not None
    action = lsp.CodeAction(title, kind=kind, is_preferred=preferred)
    if diagnostic is not None:
        action.diagnostics = [diagnostic]
    if "edit" in _resolvable(server):
        action.data = {
            "action": name,
            "uri": opened.uri,
            "version": opened.version,
            "range": _json(params.range),
            **({"diagnostic": _plain(diagnostic)} if diagnostic is not None else {}),
        }
    else:
        more = {"diagnostics": [_plain(diagnostic)]} if diagnostic is not None else {}
        action.command = lsp.Command(title, f"sidesight.{name}", arguments=[{**_arguments(params), **more}])
    return action


def _resolvable(server: SidesightServer) -> list[str]:
    from pygls.capabilities import get_capability

    path = "text_document.code_action.resolve_support.properties"
    return list(get_capability(server.client_capabilities, path, []) or [])


def _arguments(params: lsp.CodeActionParams) -> dict[str, Any]:
    return {"textDocument": {"uri": params.text_document.uri}, "range": _json(params.range)}


def _plain(diagnostic: lsp.Diagnostic) -> dict[str, Any]:
    return {
        "range": _json(diagnostic.range),
        "message": diagnostic.message,
        "code": "" if diagnostic.code is None else str(diagnostic.code),
        "source": diagnostic.source or "",
    }


def _json(span: lsp.Range) -> dict[str, dict[str, int]]:
    return {
        "start": {"line": span.start.line, "character": span.start.character},
        "end": {"line": span.end.line, "character": span.end.character},
    }


def _within(kind: lsp.CodeActionKind | str | None, wanted: lsp.CodeActionKind | str) -> bool:
    """Kinds are hierarchical: `source` asks for `source.sidesight.test` too."""
    own, asked = (str(getattr(value, "value", value)) for value in (kind, wanted))
    return own == asked or own.startswith(f"{asked}.") or not asked
