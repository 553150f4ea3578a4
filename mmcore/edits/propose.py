"""From what a model said to the text that a document would have, or the reason why there is none."""

from __future__ import annotations

from mmcore.context.syntax import Symbol
from mmcore.edits.lines import indent, margin, to_lf, unit_of, with_newlines
from mmcore.edits.replace import replace_blocks, replacements
from mmcore.edits.rewrite import add_imports, rewrite_symbol
from mmcore.edits.unwrap import Block, code_blocks
from mmcore.text import newline_of, offsets
from mmcore.types import Document, Range


class FormError(Exception):
    """The output cannot be made into an edit; `str(error)` is written for the model, to ask again."""


def propose_rewrite(document: Document, target: Symbol, output: str, *, cut_off: bool) -> str:
    """The document's text with `target` as the output has it.

    The output may be SEARCH/REPLACE blocks or a whole new version of the symbol; `cut_off` says that generation ended
    at its token limit. Raises FormError.
    """
    blocks = replacements(output)
    if blocks is None:
        raise FormError("A SEARCH/REPLACE block is not complete. Write the whole function in one code block instead.")
    if blocks:
        made = replace_blocks(document.text, blocks)
        if made is None:
            raise FormError("The SEARCH lines are not in the file, or are there more than once. Copy them exactly.")
        return made
    found = code_blocks(output)
    for block in found:
        if cut_off and (not block.closed or len(found) == 1):
            raise FormError("The answer was cut off. Write only the function, nothing else.")
        made = rewrite_symbol(document.text, document.language, target, block)
        if made is not None:
            return made
    raise FormError(
        f"The answer does not define `{target.name}`. Write the whole of `{target.name}` in one code block."
    )


def propose_range(document: Document, span: Range, output: str, *, cut_off: bool) -> str:
    """The document's text with `span` replaced by the output's first code block, indented to fit. Raises FormError."""
    blocks = code_blocks(output)
    if not blocks:
        raise FormError("The answer holds no code. Answer with one code block.")
    block = blocks[0]
    if cut_off and not (block.closed and len(blocks) > 1):
        raise FormError("The answer was cut off. Write less.")
    return insert_block(document, span, block)


def insert_block(document: Document, span: Range, block: Block) -> str:
    text = document.text
    begin, end = offsets(text, span)
    line_start = max(text.rfind("\n", 0, begin), text.rfind("\r", 0, begin)) + 1
    before = text[line_start:begin]
    base = margin(before) if not before.strip() else margin(text[line_start:])
    if begin == end and not before.strip():
        base = before
    if not before.strip():
        begin = line_start
    else:
        base = ""
    code = indent(block.code.strip("\n"), base, unit_of(to_lf(text)) if text.strip() else unit_of(block.code))
    newline = newline_of(text)
    if (begin == end and text[end:].strip("\r\n") and not text[end:].startswith(("\r", "\n"))) or not text[end:]:
        code += "\n"
    after = text[:begin] + with_newlines(code, newline) + text[end:]
    return add_imports(after, block.code) if document.language == "python" and begin != end else after
