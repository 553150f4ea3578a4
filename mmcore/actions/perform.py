"""The actions by the names that commands call them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mmcore.actions.document import document
from mmcore.actions.explain import explain
from mmcore.actions.fix import fix
from mmcore.actions.generate import generate
from mmcore.actions.request import Outcome, Request, Tools
from mmcore.actions.review import review
from mmcore.actions.write_tests import write_tests

ACTIONS: dict[str, Callable[[Tools, Request], Awaitable[Outcome]]] = {
    "generate": generate,
    "fix": fix,
    "document": document,
    "test": write_tests,
    "explain": explain,
    "review": review,
}
