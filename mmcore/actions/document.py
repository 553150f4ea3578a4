"""Document a symbol, or every public one of a file, in the project's style; the syntax tree has the last word."""

from __future__ import annotations

import ast
from dataclasses import replace
from itertools import islice

from mmcore.actions.describe import describe
from mmcore.actions.examine import Candidate, Rules, examine
from mmcore.actions.outcome import conclude
from mmcore.actions.public import is_public
from mmcore.actions.request import Outcome, Request, Tools
from mmcore.actions.speak import speak, total
from mmcore.actions.target import code_of, target_of
from mmcore.context.facts import Facts, facts_of, python_node
from mmcore.edits.doc_comment import has_comment, has_comments, set_comment
from mmcore.edits.docstring import Doc, Style, lacks_docstring, render, set_docstring, set_module_docstring, style_of
from mmcore.errors import InputError
from mmcore.prompt.actions.document import read_slots, render_document
from mmcore.syntax import Symbol, symbols
from mmcore.types import Usage
from mmcore.verify.result import CheckResult
from mmcore.verify.stopping import in_thread

MAX_CODE = 6000
MAX_SYMBOLS = 40
STYLE_FILES = 30


async def document(tools: Tools, request: Request) -> Outcome:
    """Write the documentation of the symbol that is meant, or of all that is public and has none; or a README.

    Raises InputError for a language that we write no documentation for; EngineError.
    """
    language = request.document.language
    if language == "markdown" and request.document.path is not None:
        return await describe(tools, request)
    if language != "python" and not has_comments(language):
        raise InputError(
            f"documentation is written for Python, JavaScript, TypeScript, Rust and Go, not for {language}"
        )
    target = target_of(request)
    targets = [target] if target else _undocumented(request)
    bare = target is None and language == "python" and lacks_docstring(request.document.text)
    if not targets and not bare:
        raise InputError("everything public in this file is documented already; name a symbol to write it anew")
    style = await in_thread(project_style, request) if language == "python" else "google"
    text, usage, notes = request.document.text, Usage(), []
    for done, symbol in enumerate(targets):
        tools.say(f"documenting `{symbol.name}` ({done + 1} of {len(targets)})")
        now = replace(request, document=replace(request.document, text=text))
        # Earlier ones moved it: found again by its place among those of its name.
        symbol = _again(now, symbol, request)
        doc, spent, note = await _ask(tools, now, symbol)
        usage = total(usage, spent)
        made = place(text, language, symbol, doc, style)
        if made is None:
            notes.append(f"`{symbol.name}` has its body on its first line")
        else:
            text = made
            notes += [note] if note else []
    if bare:
        tools.say("documenting the file")
        said = await speak(tools, render_document(request.document.text[:MAX_CODE], language, ["SUMMARY"]))
        usage = total(usage, said.usage)
        if summary := read_slots(said.text, ["SUMMARY"]).get("SUMMARY"):
            text = set_module_docstring(text, summary)
    candidate = await in_thread(examine, request, text, Rules(docs_only=True))
    corrected = CheckResult("facts", "passed", "; ".join(notes) or "every line is about something in the code")
    candidate = Candidate(candidate.after, (*candidate.checks, corrected))
    name = f"`{targets[0].name}`" if len(targets) == 1 else f"{len(targets)} definitions"
    name = f"the file and {name}" if bare and targets else "the file" if bare else name
    return conclude(request, [candidate], usage, f"document {name}")


async def _ask(tools: Tools, request: Request, symbol: Symbol) -> tuple[Doc, Usage, str]:
    """What the docstring says; whatever the model left out is written from the code, what it invented is dropped."""
    facts = facts_of(request.document.text, request.document.language, symbol) or Facts()
    slots = slots_of(facts)
    code = code_of(request, symbol)[:MAX_CODE]
    said = await speak(tools, render_document(code, request.document.language, slots, request.instruction))
    found = read_slots(said.text, slots)
    missing = [slot for slot in slots if slot not in found]
    note = f"`{symbol.name}`: {', '.join(missing)} written from the code" if missing else ""
    return compose(symbol.name, facts, found), said.usage, note


def slots_of(facts: Facts) -> list[str]:
    slots = ["SUMMARY", *(f"PARAM {parameter.name}" for parameter in facts.parameters)]
    slots += ["RETURNS"] if facts.returns else ["YIELDS"] if facts.yields else []
    return [*slots, *(f"RAISES {name}" for name, _ in facts.raises)]


def compose(name: str, facts: Facts, found: dict[str, str]) -> Doc:
    """The facts, in the model's words where it has some and in the code's own where not."""
    parameters = []
    for parameter in facts.parameters:
        given = f"Defaults to `{parameter.default}`." if parameter.default else ""
        text = found.get(f"PARAM {parameter.name}") or given or f"The {_words(parameter.name)}."
        parameters.append((parameter.name, parameter.type, text))
    value = (facts.returns_type, found.get("RETURNS") or "The result.") if facts.returns else None
    item = ("", found.get("YIELDS") or "The next item.") if facts.yields else None
    raises = tuple(
        (kind, found.get(f"RAISES {kind}") or (f"With the message “{message}”." if message else "See the code."))
        for kind, message in facts.raises
    )
    return Doc(_summary(found.get("SUMMARY", ""), name), tuple(parameters), value, item, raises)


def _summary(said: str, name: str) -> str:
    """One sentence of at most 25 words, made from the name where the model said nothing that can stand."""
    words = said.split()
    if len(words) < 3:
        return said or f"{_words(name).capitalize()}."
    first = said.split(". ")[0].rstrip(".")
    cut = first.split()
    return (" ".join(cut[:25]) if len(cut) > 25 else first) + "."


def _words(name: str) -> str:
    return " ".join(part for part in name.strip("*_").split("_") if part) or name


def place(text: str, language: str, symbol: Symbol, doc: Doc, style: Style) -> str | None:
    if language != "python":
        return set_comment(text, language, symbol.start, symbol.name, doc)
    node = python_node(text, symbol)
    return set_docstring(text, node, render(doc, style)) if node is not None else None


def project_style(request: Request) -> Style:
    """What `pyproject.toml` names for pydocstyle, else the commonest in this file, else in the workspace."""
    try:
        settings = (request.root / "pyproject.toml").read_text("utf-8", "replace")
    except OSError:
        settings = ""
    named: tuple[Style, ...] = ("google", "numpy")
    for style in named:
        if f'convention = "{style}"' in settings:
            return style
    here = style_of([request.document.text], "google")
    if here != "google" or "Args:" in request.document.text or "Returns:" in request.document.text:
        return here
    texts = []
    for path in islice(request.root.rglob("*.py"), STYLE_FILES):
        try:
            texts.append(path.read_text("utf-8", "replace"))
        except OSError:
            continue
    return style_of(texts, "google")


def _undocumented(request: Request) -> list[Symbol]:
    """Public functions and classes without documentation, from the last to the first."""
    text, language = request.document.text, request.document.language
    found = []
    for symbol in symbols(text, language):
        if not is_public(text, language, symbol):
            continue
        if language == "python":
            node = python_node(text, symbol)
            if node is None or ast.get_docstring(node) is not None:
                continue
        elif has_comment(text, language, symbol.start):
            continue
        found.append(symbol)
    return found[:MAX_SYMBOLS][::-1]


def _again(now: Request, symbol: Symbol, request: Request) -> Symbol:
    """The same symbol in the text as it is now. The last is documented first, so nothing before it has moved."""
    text, language = now.document.text, now.document.language
    return next((s for s in symbols(text, language) if s.start == symbol.start and s.name == symbol.name), symbol)
