"""Run one set of tests on many versions of a file: one sandbox, one warm interpreter, a fork for each version.

Starting Python and pytest costs some 0.4 s, a fork of an interpreter that has them loaded a tenth of it; sixty small
edits are worth trying only at the second price.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from mmcore.verify.sandbox import Limits, Ran
from mmcore.verify.scratch import read_back, write_over
from mmcore.verify.tests_run import LIMITS, PYTEST, Selection, TestBench, example_command

EACH_S = 5.0
TOGETHER = Limits(seconds=90.0)
PLAN, ANSWERS, SAID = (PurePath(f".sidesight-{name}") for name in ("plan.json", "answers.jsonl", "said.txt"))

RUNNER = """
import doctest, importlib.metadata, json, os, signal, sys, time
plugins = [] if "PYTEST_DISABLE_PLUGIN_AUTOLOAD" in os.environ else importlib.metadata.entry_points(group="pytest11")
for plugin in [*plugins, *importlib.metadata.entry_points(name="pytest")]:
    try:
        plugin.load()
    except Exception:
        continue  # whoever needs it will say so
plan = json.load(open(sys.argv[1], encoding="utf-8"))
for text in plan["texts"]:
    with open(plan["target"], "w", encoding="utf-8", newline="") as stream:
        stream.write(text)
    child = os.fork()
    if not child:
        os.setsid()
        said = os.open(plan["said"], os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        os.dup2(said, 1)
        os.dup2(said, 2)
        sys.argv = ["-c", *plan["arguments"]]
        status = 0
        try:
            exec(compile(plan["program"], "<tests>", "exec"), {"__name__": "__main__"})
        except SystemExit as leave:
            status = leave.code if isinstance(leave.code, int) else int(leave.code is not None)
        except BaseException as error:
            status = 1
            print(type(error).__name__, error)
        sys.stdout.flush()
        os._exit(status)
    deadline, status = time.monotonic() + plan["seconds"], None
    while time.monotonic() < deadline:
        done, ended = os.waitpid(child, os.WNOHANG)
        if done:
            status = os.waitstatus_to_exitcode(ended)
            break
        time.sleep(0.003)
    else:
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
    with open(plan["said"], encoding="utf-8", errors="replace") as stream:
        said = stream.read()[-8000:]
    with open(plan["answers"], "a", encoding="utf-8") as stream:
        stream.write(json.dumps([status, said]) + "\\n")
    if status == 0 and plan["first"]:
        break
"""
RUN_PYTEST = "import pytest, sys; sys.exit(int(pytest.main(sys.argv[1:])))"


@dataclass(frozen=True, slots=True)
class Verdict:
    """As `Ran`, of one version; `status` is None where it did not end in time."""

    status: int | None
    output: str


def run_selection(bench: TestBench, texts: Sequence[str], selection: Selection, *, first: bool) -> list[Verdict]:
    """Put each text in the document's place and run what was selected; with `first`, up to the first that passes."""
    if selection.targets:
        return run_many(bench, texts, RUN_PYTEST, [*PYTEST[2:], *selection.targets], first=first)
    program, arguments = example_command(bench, selection)
    return run_many(bench, texts, program, arguments, first=first)


def run_many(
    bench: TestBench, texts: Sequence[str], program: str, arguments: Sequence[str], *, first: bool = False
) -> list[Verdict]:
    """Run a Python program on each version of the document. Versions that the time did not suffice for are left out."""
    if sys.platform == "win32":  # no fork there
        return [_verdict(bench, text, program, arguments) for text in texts]
    plan = {
        "texts": list(texts),
        "program": program,
        "arguments": list(arguments),
        "seconds": EACH_S,
        "first": first,
        "target": str(bench.relative),
        "answers": str(ANSWERS),
        "said": str(SAID),
    }
    write_over(bench.copy, PLAN, json.dumps(plan))
    (bench.copy / ANSWERS).unlink(missing_ok=True)
    bench.python_run(["-c", RUNNER, str(PLAN)], replace(TOGETHER, processes=LIMITS.processes))
    found = []
    for line in read_back(bench.copy, ANSWERS).splitlines():
        try:
            status, said = json.loads(line)
        except ValueError:
            continue  # cut off when the time was over
        found.append(Verdict(status if isinstance(status, int) else None, str(said)))
    return found[: len(texts)]


def _verdict(bench: TestBench, text: str, program: str, arguments: Sequence[str]) -> Verdict:
    write_over(bench.copy, bench.relative, text)
    ran: Ran = bench.python_run(["-c", program, *arguments], replace(LIMITS, seconds=EACH_S))
    return Verdict(ran.status, ran.output)
