"""A Qwen2 model of random weights in a GGUF file, and what numpy says that it computes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

LAYERS, HIDDEN, HEADS, KV_HEADS, FEED, CONTEXT = 2, 256, 4, 2, 256, 1024
BASE, EPSILON = 10_000.0, 1e-6
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>")
MERGES = ("r e", "t u", "r n", "tu rn", "re turn", "re t", "Ġ Ġ", "ĠĠ ĠĠ", "d e", "de f", "Ġ return")
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass(frozen=True)
class TinyModel:
    path: Path
    tensors: dict[str, NDArray[np.float32]]

    def logits(self, tokens: list[int]) -> NDArray[np.float32]:
        """After each of the tokens, in float32 and without any cache."""
        t, size = self.tensors, HIDDEN // HEADS
        angles = np.arange(len(tokens))[:, None] * BASE ** -(np.arange(0, size, 2) / size)
        cosine, sine = (np.concatenate([f(angles)] * 2, 1)[:, None] for f in (np.cos, np.sin))

        def rotate(x: NDArray[np.float32]) -> NDArray[np.float32]:
            return x * cosine + np.concatenate([-x[..., size // 2 :], x[..., : size // 2]], -1) * sine

        def norm(x: NDArray[np.float32], weight: str) -> NDArray[np.float32]:
            return x / np.sqrt((x**2).mean(-1, keepdims=True) + EPSILON) * t[weight]

        x = t["token_embd.weight"][tokens]
        mask = np.triu(np.full((len(tokens), len(tokens)), -np.inf), 1)
        for layer in range(LAYERS):
            b = f"blk.{layer}."
            h = norm(x, b + "attn_norm.weight")
            q, k, v = (h @ t[f"{b}attn_{p}.weight"].T + t[f"{b}attn_{p}.bias"] for p in "qkv")
            q = rotate(q.reshape(-1, HEADS, size))
            k, v = (np.repeat(a.reshape(-1, KV_HEADS, size), HEADS // KV_HEADS, 1) for a in (k, v))
            k = rotate(k)
            scores = np.einsum("ihd,jhd->hij", q, k) / np.sqrt(size) + mask
            weights = np.exp(scores - scores.max(-1, keepdims=True))
            weights /= weights.sum(-1, keepdims=True)
            x = x + np.einsum("hij,jhd->ihd", weights, v).reshape(len(tokens), -1) @ t[f"{b}attn_output.weight"].T
            h = norm(x, b + "ffn_norm.weight")
            gate = h @ t[f"{b}ffn_gate.weight"].T
            x = x + (gate / (1 + np.exp(-gate)) * (h @ t[f"{b}ffn_up.weight"].T)) @ t[f"{b}ffn_down.weight"].T
        return norm(x, "output_norm.weight") @ t["output.weight"].T


def write_tiny_model(path: Path, seed: int = 0) -> TinyModel:
    random = np.random.default_rng(seed)
    texts = [*_alphabet(), *(pair.replace(" ", "") for pair in MERGES), *SPECIAL]
    vocabulary = len(texts)
    size = HIDDEN // HEADS

    def matrix(rows: int, columns: int) -> NDArray[np.float32]:
        return (random.standard_normal((rows, columns)) * columns**-0.5).astype(np.float32)

    tensors = {"token_embd.weight": matrix(vocabulary, HIDDEN) * 8, "output.weight": matrix(vocabulary, HIDDEN) * 3}
    tensors["output_norm.weight"] = np.ones(HIDDEN, np.float32)
    for layer in range(LAYERS):
        b = f"blk.{layer}."
        for part, heads in (("q", HEADS), ("k", KV_HEADS), ("v", KV_HEADS)):
            tensors[f"{b}attn_{part}.weight"] = matrix(heads * size, HIDDEN)
            tensors[f"{b}attn_{part}.bias"] = random.standard_normal(heads * size).astype(np.float32) * 0.1
        tensors[f"{b}attn_output.weight"] = matrix(HIDDEN, HIDDEN)
        tensors[f"{b}ffn_gate.weight"], tensors[f"{b}ffn_up.weight"] = matrix(FEED, HIDDEN), matrix(FEED, HIDDEN)
        tensors[f"{b}ffn_down.weight"] = matrix(HIDDEN, FEED)
        for name in ("attn_norm", "ffn_norm"):
            tensors[f"{b}{name}.weight"] = (1 + 0.1 * random.standard_normal(HIDDEN)).astype(np.float32)

    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_block_count(LAYERS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(FEED)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_freq_base(BASE)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(texts)
    writer.add_token_types([1] * (vocabulary - len(SPECIAL)) + [3] * len(SPECIAL))
    writer.add_token_merges(list(MERGES))
    writer.add_chat_template(TEMPLATE)
    for name, tensor in tensors.items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return TinyModel(path, tensors)


def _alphabet() -> list[str]:
    """GPT-2's characters for the 256 bytes."""
    printing = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    others = iter(range(256, 512))
    return [chr(byte if byte in printing else next(others)) for byte in range(256)]
