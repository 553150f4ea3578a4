"""The shape of a decoder, as a GGUF file states it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mmcore.errors import EngineRejected


@dataclass(frozen=True, slots=True)
class Architecture:
    """Sizes of a Qwen2 decoder. `rope_base` and `norm_epsilon` are dimensionless."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    context_tokens: int
    rope_base: float
    norm_epsilon: float

    @property
    def head_size(self) -> int:
        return self.hidden // self.heads


def read_architecture(field: Callable[[str], Any]) -> Architecture:
    """From a GGUF file's metadata. Raises EngineRejected for a decoder whose graph we do not build."""
    name = field("general.architecture")
    if name != "qwen2":
        raise EngineRejected(f"the architecture {name} is not one that the OpenVINO engine builds, only qwen2")
    return Architecture(
        layers=field("qwen2.block_count"),
        hidden=field("qwen2.embedding_length"),
        heads=field("qwen2.attention.head_count"),
        kv_heads=field("qwen2.attention.head_count_kv"),
        context_tokens=field("qwen2.context_length"),
        rope_base=field("qwen2.rope.freq_base"),
        norm_epsilon=field("qwen2.attention.layer_norm_rms_epsilon"),
    )
