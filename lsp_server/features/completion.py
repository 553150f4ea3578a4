"""The same completion for clients without ghost text: one entry in the list of `textDocument/completion`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lsprotocol import types as lsp

from lsp_server.convert import to_lsp_range
from lsp_server.documents import OpenDocument
from lsp_server.suggestions import widened
from mmcore.types import Completion, Position

if TYPE_CHECKING:
    from lsp_server.server import SidesightServer

_LAST_WORD = re.compile(r"\w+\Z")


def register(server: SidesightServer) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_COMPLETION, lsp.CompletionOptions(trigger_characters=["."]))
    async def complete(params: lsp.CompletionParams) -> lsp.CompletionList:
        document = server.documents.get(params.text_document.uri)
        if document is None or not server.session.settings.completion.enabled:
            return lsp.CompletionList(is_incomplete=False, items=[])
        invoked = params.context is None or params.context.trigger_kind == lsp.CompletionTriggerKind.Invoked
        cursor = document.position(params.position)
        completion = await server.suggestions.at(document, params.position, invoked=invoked)
        items = [] if completion is None else [_item(document, cursor, completion)]
        # Incomplete: the next keystroke asks again, for it may deserve another text.
        return lsp.CompletionList(is_incomplete=True, items=items)


def _item(document: OpenDocument, cursor: Position, completion: Completion) -> lsp.CompletionItem:
    """Clients filter a list by the word at the cursor, so the entry begins with that word, and not with the line."""
    before = document.lines[cursor.line][: cursor.column]
    edit = widened(completion, document.lines, column=len(before) - len(_last_word(before)))
    return lsp.CompletionItem(
        label=edit.new_text.strip().partition("\n")[0],
        kind=lsp.CompletionItemKind.Text,
        detail=f"Sidesight ({completion.model})",
        documentation=edit.new_text,
        filter_text=_last_word(before) or None,
        text_edit=lsp.TextEdit(to_lsp_range(document.lines, edit.range, document.encoding), edit.new_text),
    )


def _last_word(text: str) -> str:
    match = _LAST_WORD.search(text)
    return match.group() if match else ""
