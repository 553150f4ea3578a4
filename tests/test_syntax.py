from __future__ import annotations

import pytest

from mmcore.syntax import enclosing, errors, node_at, parse, symbols

SOURCES = {
    "c": ("int *foo(int a){return 0;}\nstruct P {int x;};", ["foo", "P"]),
    "go": ("package m\nfunc (a *A) F() int { return 1 }\ntype T struct{}\nfunc g(){}", ["F", "T", "g"]),
    "java": ("class A { A(){} int f(){return 1;} }", ["A", "A", "f"]),
    "python": ("class A:\n    @d\n    def f(self): pass\nasync def g(): pass\n", ["A", "f", "g"]),
    "rust": ("impl A { fn f(&self)->u8 {1} }\nstruct B{}\nfn main(){}", ["A", "f", "B", "main"]),
    "typescript": (
        "class A { f(x:number){return 1} }\nconst h = (x)=>x\ninterface I{}",
        ["A", "f", "h", "I"],
    ),
}


@pytest.mark.parametrize("language", SOURCES)
def test_definitions_are_found_in_order(language: str) -> None:
    source, names = SOURCES[language]
    assert [symbol.name for symbol in symbols(source, language)] == names


def test_a_symbol_spans_its_decorators_and_counts_code_points() -> None:
    source = "é = 1\n@dec\ndef ü(x):\n    return x\n"
    (symbol,) = symbols(source, "python")
    assert source[symbol.start : symbol.end] == "@dec\ndef ü(x):\n    return x"
    assert symbol.range.start.line == 1


def test_the_innermost_symbol_encloses_the_cursor() -> None:
    source, _ = SOURCES["python"]
    found = enclosing(source, "python", source.index("pass"))
    assert found is not None
    assert found.name == "f"
    assert enclosing(source, "python", len(source)) is None


def test_errors_are_counted_and_a_language_without_grammar_has_no_tree() -> None:
    whole, broken = parse("def f(): pass", "python"), parse("def f(: pass\nx = (", "python")
    assert whole is not None
    assert broken is not None
    assert errors(whole) == 0
    assert errors(broken) > 0
    assert parse("anything", "plaintext") is None
    assert symbols("anything", "klingon") == ()


def test_the_node_before_the_cursor_is_found_past_wide_characters() -> None:
    source = "s = '日本語' # tail"
    tree = parse(source, "python")
    assert tree is not None
    assert node_at(tree, source, source.index("tail")).type == "comment"
    assert node_at(tree, source, source.index("語")).type == "string_content"


def test_deeply_nested_text_does_not_exhaust_the_stack() -> None:
    source = "x = " + "(" * 5000
    tree = parse(source, "python")
    assert tree is not None
    assert errors(tree) > 0
