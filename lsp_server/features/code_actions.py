"""The light bulb: shown at once, computed when chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp

from lsp_server.convert import to_lsp_position
from lsp_server.features.actions import perform, with_consent
from lsp_server.features.workspace_edit import workspace_edit
from lsp_server.protocol import RequestFailed
from mmcore.errors import DocumentError

if TYPE_CHECKING:
    from lsp_server.server import SidesightServer
    from mmcore.types import Document

DOCUMENT, TEST, EXPLAIN, REVIEW = (f"source.sidesight.{name}" for name in ("document", "test", "explain", "review"))
FIX_ALL = "source.sidesight.fixAll"
REWRITE = lsp.CodeActionKind.RefactorRewrite
KINDS = [lsp.CodeActionKind.QuickFix, REWRITE, DOCUMENT, TEST, EXPLAIN, REVIEW, FIX_ALL]


def register(server: SidesightServer) -> None:
    @server.feature(
        lsp.TEXT_DOCUMENT_CODE_ACTION, lsp.CodeActionOptions(code_action_kinds=list(KINDS), resolve_provider=True)
    )
    def code_action(params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        opened = server.documents.get(params.text_document.uri)
        if opened is None:
            return []
        wanted = params.context.only
        offered = [*_fixes(server, params), *_rewrites(server, params), *_for_code(server, params)]
        if params.context.diagnostics or wanted:
            offered.append(_action(server, params, "Fix what ruff reports in this file", FIX_ALL, "fix", whole=True))
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
        None if diagnostics or data.get("whole") else Range(Position(at.start.line, at.start.column), at.end),
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
    if document.path is not None and (document.language == "python" or _has_runner(server, document)):
        offered.append(_action(server, params, f"Write tests for `{symbol.name}`", TEST, "test"))
    for verb, kind in (("Explain", EXPLAIN), ("Review", REVIEW)):
        title = f"{verb} `{symbol.name}`"
        command = lsp.Command(title, f"sidesight.{verb.lower()}", arguments=[_arguments(params)])
        offered.append(lsp.CodeAction(title, kind=kind, command=command))
    return offered


def _has_runner(server: SidesightServer, document: Document) -> bool:
    from mmcore.verify.runners import runner_of

    return any(runner_of(root, document.language) for root in server.roots(document.path)[:1])


def _rewrites(server: SidesightServer, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
    """The comment that the cursor is on, written out; the definition around it, mended."""
    from mmcore.actions.generate import instruction_above
    from mmcore.syntax import enclosing
    from mmcore.text import line_at, offset_at
    from mmcore.types import Position

    opened = server.documents.get(params.text_document.uri)
    assert opened is not None
    document, place = opened.snapshot(), opened.position(params.range.start)
    offered = []
    if line_at(document.text, place.line).strip() and (wish := instruction_above(document, place)):
        line = Position(place.line, len(line_at(document.text, place.line)))
        end = to_lsp_position(opened.lines, line, opened.encoding)
        offered.append(_action(server, params, f"Write: {wish[:60]}", REWRITE, "generate", span=lsp.Range(end, end)))
    symbol = enclosing(document.text, document.language, offset_at(document.text, place))
    if symbol is not None and symbol.name and symbol.kind == "function" and not params.context.diagnostics:
        offered.append(_action(server, params, f"Fix `{symbol.name}`", REWRITE, "fix"))
    return offered


def _action(
    server: SidesightServer,
    params: lsp.CodeActionParams,
    title: str,
    kind: str,
    name: str,
    diagnostic: lsp.Diagnostic | None = None,
    preferred: bool | None = None,
    *,
    span: lsp.Range | None = None,
    whole: bool = False,
) -> lsp.CodeAction:
    """Resolved lazily where the client can; else the command that does the same.

    `span` in place of what is selected; `whole`: it is about the whole document.
    """
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
            "range": _json(span or params.range),
            "whole": whole,
            **({"diagnostic": _plain(diagnostic)} if diagnostic is not None else {}),
        }
    else:
        given: dict[str, Any] = _arguments(params)
        if diagnostic is not None:
            given["diagnostics"] = [_plain(diagnostic)]
        if span is not None:
            given["range"] = _json(span)
        if whole:
            del given["range"]
        action.command = lsp.Command(title, f"sidesight.{name}", arguments=[given])
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
