"""No new diagnostics from the tools that the project itself configures.

Ruff reads no code of the project's but its settings and is always run. The others can be made to run code (plugins,
`build.rs`, JavaScript configuration): they run in the sandbox, on a scratch copy, in a trusted workspace only.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mmcore.errors import DocumentError
from mmcore.verify.linters import LINTERS, Finding, Linter
from mmcore.verify.result import Change, CheckResult, Outcome, timed
from mmcore.verify.sandbox import Limits, run
from mmcore.verify.scratch import inside, scratch_copy, write_over
from mmcore.verify.toolchain import Program, find_program, tool_environment

TIMEOUT_S = 60.0
RUFF = LINTERS[0]
# What language servers put into a diagnostic's source.
SOURCES = {
    "ts": "tsc",
    "typescript": "tsc",
    "pylance": "pyright",
    "basedpyright": "pyright",
    "rustc": "cargo",
    "rust-analyzer": "cargo",
    "compiler": "go",
    "go vet": "go",
    "vet": "go",
}


def check_linters(change: Change, root: Path, *, trusted: bool) -> list[CheckResult]:
    """One result for each tool that the project configures for this language."""
    wanted = [tool for tool in LINTERS if change.document.language in tool.languages and tool.configured(root)]
    return [timed(tool.name, lambda tool=tool: _check(tool, change, root, trusted)) for tool in wanted]  # type: ignore[misc]


def diagnose(path: Path, text: str, language: str, root: Path) -> list[Finding]:
    """What ruff, where it is configured and installed, says about a text; nothing of the workspace is run."""
    program = find_program("ruff", root, trusted=False)
    if language not in RUFF.languages or program is None or not RUFF.configured(root):
        return []
    return _run_ruff(program, path, text, root)


def compare(source: str, change: Change, root: Path, *, trusted: bool) -> tuple[list[Finding], list[Finding]] | str:
    """What the tool that an editor calls `source` says of the text before and after, or why it says nothing."""
    name = SOURCES.get(source.lower(), source.lower())
    tool = next((tool for tool in LINTERS if tool.name == name and change.document.language in tool.languages), None)
    if tool is None:
        return f"only {source or 'the tool'} itself can say whether its diagnostic is gone"
    if not tool.configured(root):
        return f"this project does not configure {tool.name}"
    return _both(tool, change, root, trusted)


def _check(tool: Linter, change: Change, root: Path, trusted: bool) -> Outcome:
    said = _both(tool, change, root, trusted)
    if isinstance(said, str):
        return "could_not_run", said
    new = new_findings(*said)
    if not new:
        return "passed", ""
    return "failed", "; ".join(f"line {item.line}: {item.rule} {item.message}" for item in new[:5])


def _both(tool: Linter, change: Change, root: Path, trusted: bool) -> tuple[list[Finding], list[Finding]] | str:
    path = change.document.path
    if path is None:
        return "the document has not been saved anywhere"
    if tool.name != "ruff" and not trusted:
        return f"{tool.name} can run the workspace's own code; trust the workspace to allow it"
    program = find_program(tool.name, root, trusted=trusted)
    if program is None:
        return f"{tool.name} is configured but not installed"
    try:
        if tool.name == "ruff" and program.ours:
            texts = (change.document.text, change.after)
            before, after = (_run_ruff(program, path, text, root) for text in texts)
            return before, after
        return _run_boxed(tool, program, change, root)
    except (ValueError, KeyError, TypeError, OSError, subprocess.SubprocessError, DocumentError) as error:
        return f"{tool.name}: {str(error)[:300] or type(error).__name__}"


def new_findings(before: Sequence[Finding], after: Sequence[Finding]) -> list[Finding]:
    """Those of `after` that were not there, wherever they stood: lines move when code is inserted."""
    held = Counter((Path(item.path).name, item.rule, item.message) for item in before)
    new = []
    for item in after:
        key = (Path(item.path).name, item.rule, item.message)
        if held[key]:
            held[key] -= 1
        else:
            new.append(item)
    return new


def _run_ruff(program: Program, path: Path, text: str, root: Path) -> list[Finding]:
    ran = subprocess.run(
        [str(program.path), *RUFF.arguments, str(path), "-"],
        cwd=root,
        input=text.encode("utf-8", "replace"),
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if ran.returncode not in (0, 1):
        raise ValueError(ran.stderr.decode("utf-8", "replace").strip().split("\n")[0])
    return RUFF.read(ran.stdout.decode("utf-8", "replace"))


def _run_boxed(tool: Linter, program: Program, change: Change, root: Path) -> tuple[list[Finding], list[Finding]]:
    """Before and after, in one scratch copy. Raises ValueError where the tool says nothing that can be read."""
    assert change.document.path is not None
    relative = inside(root, change.document.path)
    limits = Limits(seconds=TIMEOUT_S, memory_mb=3072, address_space_mb=None, processes=256, scratch_mb=2048)
    readonly = [*program.readonly, *(path for path in [root / "node_modules"] if path.is_dir())]
    said: list[list[Finding]] = []
    with scratch_copy(root, {}) as copy:
        environment = tool_environment(program, copy)
        if (root / "node_modules").is_dir():
            (copy / "node_modules").symlink_to(root / "node_modules")
        for text in (change.document.text, change.after):
            write_over(copy, relative, text)
            if tool.name == "ruff":
                command = [str(program.path), *tool.arguments[:-1], str(relative)]
            else:
                command = [str(program.path), *tool.arguments, *([str(relative)] if tool.per_file else [])]
            ran = run(command, copy, limits=limits, readonly=readonly, environment=environment)
            if ran.ended_for:
                raise ValueError(f"ended for {ran.ended_for}")
            found = tool.read(ran.output)
            if ran.status and not found:
                raise ValueError(ran.output.strip()[-300:])
            said.append(found)
    return said[0], said[1]
