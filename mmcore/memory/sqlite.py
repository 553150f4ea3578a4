"""sqlite-utils without numpy.

It imports numpy where that is installed, to know its number types: 11 MB and a tenth of a second in every editor's
language server, for types that we never store.
"""

from __future__ import annotations

import sys
from typing import Any, cast

_modules = cast("dict[str, Any]", sys.modules)
_hidden = _modules.setdefault("numpy", None) is None

from sqlite_utils import Database, Migrations  # noqa: E402

if _hidden:
    del _modules["numpy"]

__all__ = ["Database", "Migrations"]
