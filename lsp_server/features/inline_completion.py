"""Ghost text: `textDocument/inlineCompletion`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types as lsp

from lsp_server.convert import to_lsp_range
from lsp_server.suggestions import widened

if TYPE_CHECKING:
    from lsp_server.server import SidesightServer


def register(server: SidesightServer) -> None:
    # Without options pygls does not advertise it.
    @server.feature(lsp.TEXT_DOCUMENT_INLINE_COMPLETION, lsp.InlineCompletionOptions())
    async def inline_completion(params: lsp.InlineCompletionParams) -> lsp.InlineCompletionList:
        document = server.documents.get(params.text_document.uri)
        if document is None or not server.session.settings.completion.enabled:
            return lsp.InlineCompletionList([])
        invoked = params.context.trigger_kind == lsp.InlineCompletionTriggerKind.Invoked
        completion = await server.suggestions.at(document, params.position, invoked=invoked)
        if completion is None:
            return lsp.InlineCompletionList([])
        # From the line's start: editors show what differs from what stands there, whatever they call a word.
        edit = widened(completion, document.lines, column=0)
        span = to_lsp_range(document.lines, edit.range, document.encoding)
        return lsp.InlineCompletionList([lsp.InlineCompletionItem(edit.new_text, range=span)])
