"""From what a model said to the text that a document would have, or the reason why there is none."""

from __future__ import annotations

from mmcore.edits.lines import indent, margin, to_lf, unit_of, with_newlines
from mmcore.edits.replace import replace_blocks, replacements
from mmcore.edits.rewrite import add_imports, rewrite_symbol
from mmcore.edits.unwrap import Block, code_blocks
from mmcore.syntax import Symbol
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
    """`block` in the place of `span`, indented like the line that it begins on.

    At a cursor, the code gets lines of its own: before what follows the cursor, after what stands before it.
    """
    text = document.text
    newline = newline_of(text)
    begin, end = offsets(text, span)
    line_start = max(text.rfind("\n", 0, begin), text.rfind("\r", 0, begin)) + 1
    before = text[line_start:begin]
    rest = text[end:].split("\n", 1)[0].split("\r", 1)[0]
    unit = unit_of(to_lf(text)) if text.strip() else unit_of(block.code)
    code = block.code.strip("\n")
    if before.strip():
        if begin != end or rest.strip():  # within a line: as it is
            return text[:begin] + with_newlines(code, newline) + text[end:]
        base = margin(before) + (unit if before.rstrip().endswith((":", "{")) else "")
        return text[:begin] + newline + with_newlines(indent(code, base, unit), newline) + text[end:]
    base = before if begin == end else margin(text[line_start:])
    code = with_newlines(indent(code, base, unit), newline)
    if begin == end and rest.strip():
        code += newline + before
    elif not text[end:]:
        code += newline
    made = text[:line_start] + code + text[end:]
    return add_imports(made, block.code) if document.language == "python" and begin != end else made
