"""A vision tower and projector of random weights in a GGUF file: the eyes of `tests.host.openvino.tiny`'s model."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

SIDE, PATCH, WIDTH, FEED, LAYERS, HEADS = 56, 14, 32, 64, 2, 2


def write_projector(path: Path, into: int) -> Path:
    """In the format of CLIP with a perceptron behind it; `into` is the width of the language model."""
    random = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", "mlp")
    writer.add_bool("clip.use_gelu", True)
    for name, value in {
        "image_size": SIDE,
        "patch_size": PATCH,
        "embedding_length": WIDTH,
        "feed_forward_length": FEED,
        "block_count": LAYERS,
        "attention.head_count": HEADS,
        "projection_dim": into,
    }.items():
        writer.add_uint32(f"clip.vision.{name}", value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-5)
    writer.add_array("clip.vision.image_mean", [0.5] * 3)
    writer.add_array("clip.vision.image_std", [0.5] * 3)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)

    def weight(name: str, *shape: int, scale: float | None = None) -> None:
        values = random.standard_normal(shape) * (scale or shape[-1] ** -0.5)
        writer.add_tensor(name, values.astype(np.float32))

    def vector(name: str, size: int, value: float = 0.0) -> None:
        writer.add_tensor(name, np.full(size, value, np.float32))

    weight("v.class_embd", WIDTH, scale=1.0)
    weight("v.patch_embd.weight", WIDTH, 3, PATCH, PATCH, scale=0.05)
    weight("v.position_embd.weight", (SIDE // PATCH) ** 2 + 1, WIDTH, scale=0.3)
    blocks = [f"v.blk.{layer}." for layer in range(LAYERS)]
    for norm in ("v.pre_ln", "v.post_ln", *(f"{block}ln{number}" for block in blocks for number in (1, 2))):
        vector(f"{norm}.weight", WIDTH, 1.0)
        vector(f"{norm}.bias", WIDTH)
    for block in blocks:
        for name, rows, columns in (
            *((f"attn_{part}", WIDTH, WIDTH) for part in ("q", "k", "v", "out")),
            ("ffn_up", FEED, WIDTH),
            ("ffn_down", WIDTH, FEED),
        ):
            weight(f"{block}{name}.weight", rows, columns)
            vector(f"{block}{name}.bias", rows)
    weight("mm.0.weight", into, WIDTH)
    weight("mm.2.weight", into, into, scale=0.5)
    vector("mm.0.bias", into)
    vector("mm.2.bias", into)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
