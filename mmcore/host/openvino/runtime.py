"""OpenVINO without its telemetry, which would tell a stranger of every start: import it from here, nowhere else."""

from __future__ import annotations

import sys

# `import openvino` sends an event to Google Analytics. Where the package that does it is missing, it sends nothing.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

import openvino as ov  # noqa: E402
from openvino import opset13 as op  # noqa: E402
from openvino.op import _PagedAttentionExtension as PagedAttention  # noqa: E402

__all__ = ["PagedAttention", "op", "ov"]
