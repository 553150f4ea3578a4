"""Read the examples that a docstring gives, in doctest's notation or in a person's, and run them.

People write `f(2) == 4`, `f(2) => 4`, `f(2) ➞ 4`, "f(2) returns 4", "for n = 2 the output is 4". What cannot be read
for certain as a call and a literal is left out.
"""

from __future__ import annotations

import ast
import doctest
import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

Function = ast.FunctionDef | ast.AsyncFunctionDef

BECOMES = re.compile(
    r"\s*(?:#\s*|//\s*)?(?:==+>?|=>|=|-+>|➞|→|⇒|⟶|(?:should|must|will)\s+(?:return|be|equal|give)s?|returns?|gives|is|:)"
    r"\s*:?\s*(?!=)"
)
ARROW = re.compile(r"\s*,?\s*(?:==?>|-+>|➞|→|⇒|⟶)\s*")
RESULT = re.compile(
    r"\b(?:(?:output|result|answer|returned value)\b(?:\s+(?:is|(?:should|must|will|would) be))?|returns?|should be)"
    r"\s*[:=]?\s*(?!=)",
    re.I,
)
REACH = 4  # lines between the inputs of an example and its result
LONGEST = 600


@dataclass(frozen=True, slots=True)
class Example:
    """One step, as `doctest.Example` has it: `want` is what is printed, `raises` the last line of a traceback."""

    source: str
    want: str
    raises: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """The examples of one function, which share their variables."""

    function: str
    steps: tuple[Example, ...]


def sessions(text: str, symbol: str = "") -> Iterator[Session]:
    """Of the functions called `symbol`, or of all; none where the text does not parse."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            return
        for node in ast.walk(tree):
            if isinstance(node, Function) and (not symbol or node.name == symbol.split(".")[-1]):
                steps = (*_written(node), *_told(node))
                if steps:
                    yield Session(node.name, steps)


def _written(node: Function) -> Iterator[Example]:
    """In doctest's own notation."""
    try:
        found = doctest.DocTestParser().get_examples(ast.get_docstring(node) or "")
    except ValueError:
        return
    yield from (Example(item.source, item.want, item.exc_msg) for item in found)


def _told(node: Function) -> Iterator[Example]:
    """In prose."""
    doc = ast.get_docstring(node) or ""
    prose = "\n".join("" if line.lstrip().startswith((">>>", "...")) else line for line in doc.split("\n"))
    calls = list(_calls(prose, node.name))
    yield from calls or _by_name(prose, node)


def _calls(prose: str, name: str) -> Iterator[Example]:
    for found in re.finditer(rf"(?<![\w.]){re.escape(name)}\(", prose):
        end = _closing(prose, found.end())
        call = prose[found.start() : end]
        becomes = BECOMES.match(prose, end)
        if not becomes or not _reads(call):
            continue
        value = _literal(prose[becomes.end() :])
        if value is not None:
            yield Example(" ".join(call.split("\n")) + "\n", value + "\n")


def _by_name(prose: str, node: Function) -> Iterator[Example]:
    """Where the parameters are given values by name, and the result after them."""
    arguments = [*node.args.posonlyargs, *node.args.args]
    names = [argument.arg for argument in arguments if argument.arg not in ("self", "cls")]
    needed = set(names[: len(names) - len(node.args.defaults)])
    if not needed:
        return
    given = re.compile(rf"(?<![\w.])({'|'.join(map(re.escape, names))})\s*=\s*(?!=)")
    bound: dict[str, tuple[str, int]] = {}
    lines = prose.split("\n")
    for number, line in enumerate(lines):
        rest = "\n".join(lines[number : number + REACH])
        at = 0
        for found in given.finditer(line):
            value = _literal(rest[found.end() :])
            if value is not None:
                bound[found[1]] = (value, number)
                at = found.end()
        bound = {name: held for name, held in bound.items() if number - held[1] <= REACH}
        if not needed <= bound.keys():
            continue
        arrow = ARROW.match(line, at) if at else None
        for result in [arrow] if arrow else RESULT.finditer(line, at):
            want = _literal(rest[result.end() :])
            if want is not None:
                given_now = ", ".join(f"{name}={bound[name][0]}" for name in names if name in bound)
                yield Example(f"{node.name}({given_now})\n", want + "\n")
                bound = {}
                break


def _closing(text: str, at: int) -> int:
    """The offset after the parenthesis that closes the one before `at`; strings in between are stepped over."""
    depth, quoted = 1, ""
    for offset in range(at, min(len(text), at + LONGEST)):
        letter = text[offset]
        if quoted:
            quoted = "" if letter == quoted else quoted
        elif letter in "'\"":
            quoted = letter
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
            if not depth:
                return offset + 1
    return at


def _reads(code: str) -> bool:
    try:
        ast.parse(code, mode="eval")
    except (SyntaxError, ValueError, RecursionError):
        return False
    return True


def _literal(text: str) -> str | None:
    """The longest literal that `text` begins with, as Python prints it."""
    text = text[:LONGEST].lstrip(" \t")
    text = text[: _closing(text, 1)] if text[:1] in ("[", "(", "{") else text.split("\n")[0]
    while text := text.rstrip(" .,;:"):
        try:
            return repr(ast.literal_eval(text))
        except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
            text = text.rpartition(" ")[0]
    return None


# Behind the sandbox's wall: ours is not there. A value may be written in another way than it is printed ("a" for 'a').
RUNNER = """
import ast, doctest, importlib.util, json, math, sys
def same(one, other):
    if isinstance(one, float) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
    return one == other
class Checker(doctest.OutputChecker):
    def check_output(self, want, got, flags):
        if super().check_output(want, got, flags):
            return True
        try:
            return same(ast.literal_eval(got.strip()), ast.literal_eval(want.strip()))
        except (ValueError, SyntaxError):
            return False
spec = importlib.util.spec_from_file_location("module_under_test", sys.argv[1])
module = importlib.util.module_from_spec(spec)
sys.modules["module_under_test"] = module
spec.loader.exec_module(module)
runner = doctest.DocTestRunner(Checker(), verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE)
for name, steps in json.loads(sys.argv[2]):
    examples = [doctest.Example(source, want, raises) for source, want, raises in steps]
    runner.run(doctest.DocTest(examples, dict(vars(module)), name, None, None, None))
print(f"{runner.tries - runner.failures} of {runner.tries} examples hold")
sys.exit(1 if runner.failures or not runner.tries else 0)
"""
HELD = re.compile(r"^(\d+) of (\d+) examples hold$", re.M)


def argument(held: tuple[Session, ...]) -> str:
    """What `RUNNER` takes after the file's name."""
    return json.dumps([(s.function, [(e.source, e.want, e.raises) for e in s.steps]) for s in held])


def share(output: str) -> float:
    """How much of them held, 0..1, by what `RUNNER` printed last."""
    found = HELD.findall(output)
    return int(found[-1][0]) / max(1, int(found[-1][1])) if found else 0.0
