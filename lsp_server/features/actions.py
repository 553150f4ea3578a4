"""The commands `sidesight.generate | fix | document | test | explain | review`, and the consent to run code.

Each takes one object: `textDocument` (`{uri}`), and where wanted `range`, `symbol`, `instruction`, `images` (as for
`sidesight.ask`), `diagnostics` (LSP ones), `failingTest` (a pytest node id), `apply` (false: only answer),
`workDoneToken` for what is being done, and `partialResultToken` for what is being written: `$/progress` with the value
`{text}`, pieces that make a preview and may be other than what the checks leave. The result is `{message, passed,
applied, diff, checks, candidates, tokens, text, locations}`. A change is sent with `workspace/applyEdit` when its
checks passed and the document is still the one it was made for.

A review's findings are diagnostics with the source `sidesight`; `sidesight.clearReview` takes them away, of one
document (`{textDocument}`) or of all, and answers `{cleared}`, the number of documents.

`sidesight.trust` takes `{decision: "grant" | "revoke"}`: whether tests of this workspace may be run.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from lsp_server.convert import from_lsp_range, split_lines
from lsp_server.features.ask import document_of, image_of, location_of, lsp_range_of
from lsp_server.features.workspace_edit import workspace_edit
from lsp_server.protocol import RequestFailed
from mmcore.errors import InputError

if TYPE_CHECKING:
    from lsp_server.server import SidesightServer
    from mmcore.actions.request import Diagnostic, Outcome, Request
    from mmcore.verify.consent import Decision

Say = Callable[[str], None]

COMMANDS = ("generate", "fix", "document", "test", "explain", "review")
RUNS_CODE = frozenset({"fix", "test"})
ALLOW, REFUSE = "Allow", "Never here"
_MEMBERS = frozenset(
    "textDocument range symbol instruction images diagnostics failingTest apply workDoneToken "  # noqa: SIM905
    "partialResultToken".split()
)


def register(server: SidesightServer) -> None:
    for name in COMMANDS:
        server.command(f"sidesight.{name}")(_command(server, name))

    @server.command("sidesight.clearReview")
    async def clear_review(*arguments: Any) -> dict[str, int]:
        given = arguments[0] if arguments and isinstance(arguments[0], dict) else {}
        document = given.get("textDocument")
        if document is not None and not (isinstance(document, dict) and isinstance(document.get("uri"), str)):
            raise InputError("sidesight.clearReview: textDocument must be an object with a uri")
        return {"cleared": server.findings.clear(document["uri"] if document else None)}

    @server.command("sidesight.trust")
    async def trust(*arguments: Any) -> dict[str, str]:
        from mmcore.verify import consent

        given = arguments[0] if arguments and isinstance(arguments[0], dict) else {}
        roots = server.roots()
        if given.get("decision") not in ("grant", "revoke") or not roots:
            raise InputError('sidesight.trust takes {"decision": "grant" or "revoke"}, with a folder open')
        await asyncio.to_thread(consent.grant if given["decision"] == "grant" else consent.revoke, roots[0])
        return {"workspace": str(roots[0]), "decision": consent.decision(roots[0])}


def _command(server: SidesightServer, name: str) -> Callable[..., Any]:
    async def command(*arguments: Any) -> dict[str, Any]:
        given = check(name, arguments)
        request = await _request(server, name, given)
        outcome = await perform(server, name, request, given.get("workDoneToken"), given.get("partialResultToken"))
        applied = False
        if outcome.edits and outcome.passed and given.get("apply", True):
            applied = await _apply(server, outcome)
        elif not outcome.passed:
            server.show(outcome.message)
        if name == "review":
            server.findings.publish(outcome)
        return result(server, outcome, applied)

    return command


def check(name: str, arguments: tuple[Any, ...]) -> dict[str, Any]:
    """The members that were given. Raises InputError: one line that says what is wrong."""
    command = f"sidesight.{name}"
    if len(arguments) != 1 or not isinstance(arguments[0], dict):
        raise InputError(f"{command} takes one argument: an object with textDocument and more")
    given = {key: value for key, value in arguments[0].items() if value is not None}
    if unknown := given.keys() - _MEMBERS:
        raise InputError(f"{command} knows no {sorted(unknown)[0]!r}; it takes {', '.join(sorted(_MEMBERS))}")
    document = given.get("textDocument")
    if not isinstance(document, dict) or not isinstance(document.get("uri"), str):
        raise InputError(f"{command}: textDocument must be an object with a uri")
    if "range" in given and lsp_range_of(given["range"]) is None:
        raise InputError(f"{command}: range must be an LSP range")
    for key in ("symbol", "instruction", "failingTest"):
        if not isinstance(given.get(key, ""), str):
            raise InputError(f"{command}: {key} must be a text")
    if not isinstance(given.get("images", []), list) or not isinstance(given.get("diagnostics", []), list):
        raise InputError(f"{command}: images and diagnostics must be lists")
    return given


async def _request(server: SidesightServer, name: str, given: dict[str, Any]) -> Request:
    from mmcore.actions.request import Request

    document = document_of(server, given["textDocument"]["uri"])
    lines = split_lines(document.text)
    span = lsp_range_of(given.get("range"))
    request = Request(
        document,
        from_lsp_range(lines, span, server.encoding) if span else None,
        given.get("symbol", ""),
        given.get("instruction", ""),
        tuple([await image_of(server, image) for image in given.get("images", ())]),
        tuple(diagnostic for item in given.get("diagnostics", ()) if (diagnostic := _diagnostic(server, lines, item))),
        given.get("failingTest", ""),
        server.roots(document.path),
    )
    return await with_consent(server, name, request)


def _diagnostic(server: SidesightServer, lines: list[str], item: Any) -> Diagnostic | None:
    from mmcore.actions.request import Diagnostic

    span = lsp_range_of(item.get("range")) if isinstance(item, dict) else None
    if span is None:
        return None
    message, code, source = (str(item.get(key) or "") for key in ("message", "code", "source"))
    return Diagnostic(from_lsp_range(lines, span, server.encoding), message, code, source)


async def with_consent(server: SidesightServer, name: str, request: Request) -> Request:
    """The request with `run` as the user decided for this workspace; asks the first time that tests could judge."""
    from dataclasses import replace

    from mmcore.verify import consent

    if not request.roots:
        return request
    decided = await asyncio.to_thread(consent.decision, request.root)
    if decided == "unknown" and name in RUNS_CODE:
        decided = await _ask_consent(server, request.root)
    return replace(request, run=decided == "granted")


async def _ask_consent(server: SidesightServer, root: Path) -> Decision:
    from mmcore.verify import consent

    question = f"May Sidesight run the tests of {root.name} in a sandbox, to check what it proposes?"
    choices = [lsp.MessageActionItem(ALLOW), lsp.MessageActionItem("Not now"), lsp.MessageActionItem(REFUSE)]
    try:
        chosen = await server.window_show_message_request_async(
            lsp.ShowMessageRequestParams(lsp.MessageType.Info, question, choices)
        )
    except JsonRpcException:
        return "unknown"  # a client that cannot ask has not been told yes
    if chosen is not None and chosen.title == ALLOW:
        await asyncio.to_thread(consent.grant, root)
    elif chosen is not None and chosen.title == REFUSE:
        await asyncio.to_thread(consent.refuse, root)
    return await asyncio.to_thread(consent.decision, root)


async def perform(
    server: SidesightServer,
    name: str,
    request: Request,
    token: str | int | None = None,
    preview: str | int | None = None,
) -> Outcome:
    """Carry the action out, telling the client what is being done and, under `preview`, what is being written."""

    def on_text(piece: str) -> None:
        if preview is not None:
            server.protocol.notify(lsp.PROGRESS, lsp.ProgressParams(preview, {"text": piece}))

    with server.status.waiting():
        async with progress(server, token, f"Sidesight: {name}") as say, server.session.assistant() as assistant:
            return await assistant.act(name, request, say, on_text)


@asynccontextmanager
async def progress(
    server: SidesightServer, token: str | int | None, title: str
) -> AsyncIterator[Callable[[str], None]]:
    """Work-done progress under the client's token, or one of ours, which its user can cancel."""
    done = server.work_done_progress
    own = token is None
    if token is None:
        if not server.supports("window.work_done_progress"):
            yield lambda line: None
            return
        token = str(uuid.uuid4())
        try:
            await done.create_async(token)
        except JsonRpcException:
            yield lambda line: None
            return
    done.begin(token, lsp.WorkDoneProgressBegin(title=title, cancellable=own))
    task = asyncio.current_task()
    if own and task is not None and (watched := done.tokens.get(token)) is not None:
        watched.add_done_callback(lambda future: task.cancel() if future.cancelled() else None)
    try:
        yield lambda line: done.report(token, lsp.WorkDoneProgressReport(message=line))
    finally:
        done.end(token, lsp.WorkDoneProgressEnd())
        done.tokens.pop(token, None)  # pygls keeps every token it has seen


async def _apply(server: SidesightServer, outcome: Outcome) -> bool:
    """Raises RequestFailed when the document changed, or the client did not take the edit."""
    edit = workspace_edit(server, outcome)
    try:
        answer = await server.workspace_apply_edit_async(lsp.ApplyWorkspaceEditParams(edit, label=outcome.message[:80]))
    except JsonRpcException as error:
        raise RequestFailed(f"the editor did not take the edit: {error}") from error
    if not answer.applied:
        raise RequestFailed(
            f"the editor did not apply the edit{f': {answer.failure_reason}' if answer.failure_reason else ''}"
        )
    return True


def result(server: SidesightServer, outcome: Outcome, applied: bool) -> dict[str, Any]:
    usage = outcome.usage
    return {
        "message": outcome.message,
        "passed": outcome.passed,
        "applied": applied,
        "diff": outcome.diff,
        "checks": [
            {"name": c.name, "status": c.status, "detail": c.detail, "ms": round(c.milliseconds, 1)}
            for c in outcome.checks
        ],
        "candidates": outcome.candidates,
        "tokens": {"prompt": usage.prompt_tokens, "cached": usage.cached_tokens, "completion": usage.completion_tokens},
        "text": outcome.text,
        "locations": [location_of(server, location) for location in outcome.locations],
    }
