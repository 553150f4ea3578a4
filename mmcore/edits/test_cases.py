"""Take a model's JavaScript, Rust or Go tests apart into single cases, and put those that are kept into a file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tree_sitter import Node

from mmcore.edits.lines import dedent, indent, unit_of
from mmcore.syntax import parse

SCRIPT = frozenset({"javascript", "javascriptreact", "typescript", "typescriptreact"})
ASSERTION = re.compile(r"^\s*(?:await\s+)?(?:expect|assert\w*!?)\s*[(.!]")
MAX_CASES = 30
KEYWORDS = frozenset({"import", "use", "const", "require"})


@dataclass(frozen=True, slots=True)
class TestCase:
    """One test at the margin, LF only. `name` is the one that the runner reports."""

    __test__ = False

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class CaseFile:
    """`imports` are whole statements (in Go, quoted paths), `support` whatever the cases need besides."""

    imports: tuple[str, ...] = ()
    support: tuple[str, ...] = ()
    cases: tuple[TestCase, ...] = ()


def take_apart(code: str, language: str) -> CaseFile:
    """The parts of a test file; names that occur twice are numbered."""
    tree = parse(code, language)
    if tree is None:
        return CaseFile()
    parts = {"rust": _rust, "go": _go}.get(language, _script)(tree.root_node)
    imports, support, cases = list[str](), list[str](), list[TestCase]()
    for kind, name, source in parts:
        if kind == "case":
            cases.append(TestCase(name, source))
        else:
            (imports if kind == "import" else support).append(source)
    kept = _numbered(cases[:MAX_CASES], frozenset())
    return CaseFile(tuple(dict.fromkeys(imports)), tuple(dict.fromkeys(support)), tuple(kept))


def renamed(cases: Sequence[TestCase], taken: frozenset[str]) -> tuple[TestCase, ...]:
    """The cases under names that do not stand in `taken`."""
    return tuple(_numbered(cases, taken))


def _numbered(cases: Sequence[TestCase], taken: frozenset[str]) -> list[TestCase]:
    used, made = set(taken), []
    for case in cases:
        name, number = case.name, 2
        while name in used:
            name, number = f"{case.name}{'_' if case.name.isidentifier() else ' '}{number}", number + 1
        used.add(name)
        made.append(TestCase(name, case.source.replace(case.name, name, 1)))
    return made


Part = tuple[str, str, str]


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def _whole(node: Node) -> str:
    """The node with its first line's indentation taken off every line."""
    return dedent(" " * node.start_point.column + _text(node)).strip("\n")


def _script(root: Node) -> Iterator[Part]:
    for node in root.named_children:
        call = node.named_children[0] if node.type == "expression_statement" and node.named_children else None
        called = call.child_by_field_name("function") if call is not None and call.type == "call_expression" else None
        word = re.split(r"\W", _text(called))[0] if called is not None else ""
        if node.type == "import_statement" or (node.type == "lexical_declaration" and "require(" in _text(node)):
            yield "import", "", _whole(node)
        elif word in ("test", "it") and call is not None:
            yield "case", _title(call), re.sub(r"^it\b", "test", _whole(node))
        elif word == "describe" and call is not None and (body := _body_of(call)) is not None:
            yield from _script(body)
        elif node.type in ("comment", "ERROR") or word == "describe":
            continue
        else:
            yield "support", "", _whole(node)


def _title(call: Node) -> str:
    given = call.child_by_field_name("arguments")
    first = given.named_children[0] if given is not None and given.named_children else None
    return _text(first)[1:-1] if first is not None and "string" in first.type else ""


def _body_of(call: Node) -> Node | None:
    given = call.child_by_field_name("arguments")
    last = given.named_children[-1] if given is not None and given.named_children else None
    body = last.child_by_field_name("body") if last is not None else None
    return body if body is not None and body.type == "statement_block" else None


def _rust(root: Node, inside: bool = False) -> Iterator[Part]:
    """Functions marked `#[test]`; of what stands outside a module of tests, only those."""
    marks: list[str] = []
    for node in root.named_children:
        if node.type == "attribute_item":
            marks.append(_text(node))
            continue
        if node.type == "mod_item" and (body := node.child_by_field_name("body")) is not None:
            yield from _rust(body, inside=True)
        elif node.type == "function_item" and any("test" in mark for mark in marks):
            name = node.child_by_field_name("name")
            yield "case", _text(name) if name is not None else "", "\n".join([*marks, _whole(node)])
        elif inside and node.type == "use_declaration":
            yield from (("import", "", _whole(node)) for _ in [0] if "super::*" not in _text(node))
        elif inside and "comment" not in node.type:
            yield "support", "", "\n".join([*marks, _whole(node)])
        marks = []


def _go(root: Node) -> Iterator[Part]:
    for node in root.named_children:
        if node.type == "import_declaration":
            yield from (("import", "", path) for path in re.findall(r'"[^"]+"', _text(node)))
        elif node.type == "function_declaration":
            name = _text(node.child_by_field_name("name") or node)
            parameters = _text(node.child_by_field_name("parameters") or node)
            yield ("case" if name.startswith("Test") and "testing.T" in parameters else "support"), name, _whole(node)
        elif node.type not in ("package_clause", "comment", "ERROR"):
            yield "support", "", _whole(node)


def split(case: TestCase) -> list[TestCase]:
    """One case for each assertion that stands on a line of its own; [] where there is but one."""
    lines = case.source.split("\n")
    asserts = [n for n, line in enumerate(lines) if ASSERTION.match(line) and line.rstrip().endswith((")", ");"))]
    if len(asserts) < 2:
        return []
    parts = []
    for count, wanted in enumerate(asserts, 1):
        name = f"{case.name}{'_' if case.name.isidentifier() else ' '}{count}"
        kept = [line for n, line in enumerate(lines) if n == wanted or n not in asserts]
        parts.append(TestCase(name, "\n".join(kept).replace(case.name, name, 1)))
    return parts


def joined(one: CaseFile, other: CaseFile) -> CaseFile:
    """Both, without cases that say the same under another name."""
    same = {_nameless(case) for case in one.cases}
    more = [case for case in other.cases if _nameless(case) not in same]
    taken = frozenset(case.name for case in one.cases)
    imports, support = dict.fromkeys([*one.imports, *other.imports]), dict.fromkeys([*one.support, *other.support])
    return CaseFile(tuple(imports), tuple(support), (*one.cases, *renamed(more, taken)))


def _nameless(case: TestCase) -> str:
    return case.source.replace(case.name, "", 1)


def needed(parts: CaseFile) -> CaseFile:
    """Without imports that nothing uses: linters object to them, and Go does not compile them."""
    code = "\n".join([*parts.support, *(case.source for case in parts.cases)])

    def used(line: str) -> bool:
        names = re.findall(r"[^\W\d]\w*", line.rpartition("/")[2] if line.startswith('"') else line.split(" from ")[0])
        return any(
            re.search(rf"\b{name}\b", code) for name in names if name not in ("import", "use", "const", "require")
        )

    return CaseFile(tuple(line for line in parts.imports if used(line)), parts.support, parts.cases)


def compose(existing: str, parts: CaseFile, language: str, head: Sequence[str]) -> str:
    """`existing` (LF) with the cases in it. `head`: lines that a new file begins with, or that one must have."""
    parts = needed(parts)
    return {"rust": _compose_rust, "go": _compose_go}.get(language, _compose_script)(existing, parts, head)


def _compose_script(existing: str, parts: CaseFile, head: Sequence[str]) -> str:
    have = set(existing.split("\n"))
    imports = [line for line in dict.fromkeys([*head, *parts.imports]) if line not in have]
    body = [piece for piece in parts.support if piece not in existing] + [case.source for case in parts.cases]
    top = "\n".join(imports)
    return "\n\n".join(piece for piece in (top, existing.strip("\n"), *body) if piece) + "\n"


def _compose_go(existing: str, parts: CaseFile, head: Sequence[str]) -> str:
    wanted = [path for path in dict.fromkeys(['"testing"', *parts.imports]) if path not in existing]
    body = [piece for piece in parts.support if piece not in existing] + [case.source for case in parts.cases]
    imports = "\n".join(f"import {path}" for path in wanted)
    package, _, rest = existing.strip("\n").partition("\n") if existing.strip() else (head[0], "", "")
    return "\n\n".join(piece for piece in (package, imports, rest.strip("\n"), *body) if piece) + "\n"


MODULE = re.compile(r"#\[cfg\(test\)\]\s*mod\s+\w+\s*\{", re.M)


def _compose_rust(existing: str, parts: CaseFile, head: Sequence[str]) -> str:
    """Unit tests stand at the end of the file that they test: https://doc.rust-lang.org/book/ch11-03.html"""
    unit = unit_of(existing) if existing.strip() else "    "
    found = MODULE.search(existing)
    body = [*parts.support, *(case.source for case in parts.cases)]
    if found is None:
        inner = "\n".join([*head, *parts.imports])
        block = "\n\n".join([inner, *body])
        return f"{existing.rstrip()}\n\n#[cfg(test)]\nmod tests {{\n{indent(block, unit, unit)}\n}}\n"
    end = _closing(existing, found.end())
    missing = [line for line in parts.imports if line not in existing]
    block = "\n\n".join(piece for piece in ["\n".join(missing), *body] if piece)
    return f"{existing[:end].rstrip()}\n\n{indent(block, unit, unit)}\n{existing[end:]}"


def _closing(text: str, at: int) -> int:
    """The brace that closes the module which begins before `at`, by the syntax tree."""
    tree = parse(text, "rust")
    assert tree is not None
    byte = len(text[:at].encode())
    node: Node | None = tree.root_node.descendant_for_byte_range(byte - 1, byte)
    while node is not None and node.type != "mod_item":
        node = node.parent
    return len(text.encode()[: node.end_byte - 1].decode()) if node is not None else len(text)
