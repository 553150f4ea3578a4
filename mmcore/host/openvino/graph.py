"""A Qwen2 decoder as an OpenVINO graph over tokens of many sequences at once, its keys and values in pages.

The operation `PagedAttentionExtension` (Kwon et al. 2023, "Efficient Memory Management for Large Language Model Serving
with PagedAttention") takes each sequence's pages by number, so that sequences share what they have in common. OpenVINO
offers it to its own serving library only: its inputs change between releases, therefore the exact dependency.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mmcore.host.openvino.architecture import Architecture
from mmcore.host.openvino.quantize import Quantized
from mmcore.host.openvino.runtime import PagedAttention, op, ov

# Tokens in a page: what the CPU plugin's kernel is written for.
PAGE = 32

# Tokens whose logits are computed exactly. In 900 places of code the likeliest was never more than 1.3 behind the
# likeliest of the coarse logits, and hardly ever not among the first 16 of them; the rest are there for sampling and
# for answers that must begin with given letters.
CANDIDATES = 128

Node = Any


class Weights(Protocol):
    """Where the graph's constants come from; a matrix is named as its tensor in the GGUF file, without `.weight`.

    `output` comes in 4 bits too, as `output.coarse`.
    """

    def matrix(self, name: str) -> Quantized: ...

    def vector(self, name: str) -> NDArray[np.float32]: ...

    def drop(self) -> None:
        """Give back memory that the arrays hold: they are looked at rarely from now on."""
        ...


def build(shape: Architecture, weights: Weights) -> ov.Model:
    """Inputs: `tokens`, `positions` [tokens]; `wanted` [rows]: the tokens whose successor is asked for; the tables of
    the pages; `keys.N` and `values.N` [pages, kv_heads, PAGE, head_size]. Output: logits [rows, vocabulary].
    """
    tokens = _input("tokens", np.int64)
    positions = _input("positions", np.int64)
    wanted = _input("wanted", np.int32)
    tables = [_input(name, np.int32) for name in ("past_lengths", "starts", "pages", "page_starts")]
    longest = _input("longest", np.int32, [])
    caches: list[Node] = []
    attention = _Attention(shape, tables, longest)
    cosine, sine = _rotations(shape, positions)

    x = op.gather(_decompressed(weights.matrix("token_embd")), tokens, _constant(np.int32(0)))
    for layer in range(shape.layers):
        block = f"blk.{layer}."
        h = _norm(x, weights.vector(f"{block}attn_norm"), shape)
        qkv = op.add(_linear(h, weights.matrix(f"{block}attn_qkv")), _row(weights.vector(f"{block}attn_qkv.bias")))
        sizes = [heads * shape.head_size for heads in (shape.heads, shape.kv_heads, shape.kv_heads)]
        q, k, v = op.variadic_split(qkv, _constant(np.int64(1)), _constant(np.array(sizes))).outputs()
        q, k = _rotate(q, shape.heads, shape, cosine, sine), _rotate(k, shape.kv_heads, shape, cosine, sine)
        page = [-1, shape.kv_heads, PAGE, shape.head_size]
        cache = [_input(f"{kind}.{layer}", ov.Type.dynamic, page) for kind in ("keys", "values")]
        caches += cache
        seen = attention(q, k, v, *cache)
        if layer == shape.layers - 1:
            # The other tokens were needed for their keys and values only.
            x, seen = (op.gather(rows, wanted, _constant(np.int32(0))) for rows in (x, seen))
        x = op.add(x, _linear(seen, weights.matrix(f"{block}attn_output")))
        h = _norm(x, weights.vector(f"{block}ffn_norm"), shape)
        gate = op.swish(_linear(h, weights.matrix(f"{block}ffn_gate")))
        up = _linear(h, weights.matrix(f"{block}ffn_up"))
        x = op.add(x, _linear(op.multiply(gate, up), weights.matrix(f"{block}ffn_down")))
    logits = _logits(_norm(x, weights.vector("output_norm"), shape), weights)
    return ov.Model([op.result(logits)], [tokens, positions, wanted, *tables, longest, *caches], "decoder")


class _Attention:
    """The operation, with the inputs that are the same in every layer."""

    def __init__(self, shape: Architecture, tables: Sequence[Node], longest: Node) -> None:
        self._shape = shape
        self._tables = tables
        none_i, none_f = _constant(np.zeros(0, np.int32)), _constant(np.zeros(0, np.float32))
        none_b, off = _constant(np.zeros(0, np.uint8)), _constant(np.int32(0))
        # In order: scale, sliding window, ALiBi slopes, longest context, score aggregation, cache rotation (3),
        # sparse attention (3), sinks, adaptive eviction (4), token types, query-query bias (2). All but two are off.
        self._rest = [
            *(_constant(np.float32(shape.head_size**-0.5)), off, none_f, longest, none_i, none_i, none_i, none_f),
            *(none_f, off, off, _constant(np.zeros((0, 0, 0, 0), np.float32))),
            *(off, none_i, none_i, none_i, none_i, none_b, none_i),
        ]

    def __call__(self, q: Node, k: Node, v: Node, keys: Node, values: Node) -> Node:
        """Of what is known now, and puts `k` and `v` into the pages."""
        node = PagedAttention([_output(x) for x in (q, k, v, keys, values, *self._tables, *self._rest)])
        info = node.get_rt_info()
        info["num_k_heads"] = info["num_v_heads"] = self._shape.kv_heads
        info["k_head_size"] = info["v_head_size"] = self._shape.head_size
        return node.output(0)


def _rotations(shape: Architecture, positions: Node) -> tuple[Node, Node]:
    """Cosine and sine [tokens, 1, 1, head_size] of rotary positions (Su et al. 2021), halves as in GPT-NeoX."""
    exponents = np.arange(0, shape.head_size, 2, dtype=np.float64) / shape.head_size
    frequencies = (shape.rope_base**-exponents).astype(np.float32).reshape(1, 1, -1)
    seconds = op.unsqueeze(op.convert(positions, "f32"), _constant(np.array([1, 2])))
    angles = op.multiply(seconds, _constant(frequencies))
    angles = op.concat([angles, angles], -1)
    to = _constant(np.array([0, 1, 1, shape.head_size]))
    return op.reshape(op.cos(angles), to, True), op.reshape(op.sin(angles), to, True)


def _rotate(x: Node, heads: int, shape: Architecture, cosine: Node, sine: Node) -> Node:
    """Written exactly so that the plugin recognises it: one kernel, which keeps the angles in float32."""
    half = shape.head_size // 2
    x = op.reshape(x, _constant(np.array([0, heads, 1, shape.head_size])), True)
    first, second = op.variadic_split(x, _constant(np.int64(3)), _constant(np.array([half, half]))).outputs()
    minus = op.multiply(second, _constant(np.full((1, 1, 1, 1), -1, np.float32)))
    turned = op.multiply(op.concat([minus, first], -1), sine)
    result = op.add(op.multiply(x, cosine), turned)
    return op.reshape(result, _constant(np.array([0, heads * shape.head_size])), True)


def _norm(x: Node, weight: NDArray[np.float32], shape: Architecture) -> Node:
    """RMS norm (Zhang and Sennrich 2019)."""
    mean = op.reduce_mean(op.power(x, _constant(np.float32(2))), _constant(np.array([-1])), True)
    root = op.sqrt(op.add(mean, _constant(np.float32(shape.norm_epsilon))))
    return op.multiply(op.multiply(op.divide(_constant(np.float32(1)), root), x), _row(weight))


def _linear(x: Node, weight: Quantized) -> Node:
    return op.matmul(x, _decompressed(weight), False, True)


def _logits(x: Node, weights: Weights) -> Node:
    """Of the whole vocabulary from weights of 4 bits, and of the likeliest of it from those of 8.

    Half as much of the largest matrix comes from memory: a token takes 4 to 11 % less time.
    """
    coarse = _linear(x, weights.matrix("output.coarse"))
    exact = weights.matrix("output")
    count = min(CANDIDATES, len(exact.codes))
    likely = op.topk(coarse, _constant(np.int32(count)), -1, "max", "none", "i32").output(1)
    rows = op.gather(_decompressed(exact), likely, _constant(np.int32(0)))
    two = _constant(np.int32(2))
    logits = op.squeeze(op.matmul(rows, op.unsqueeze(x, two), False, False), two)
    return op.scatter_elements_update(coarse, likely, logits, _constant(np.int32(1)))


def _decompressed(weight: Quantized) -> Node:
    """The matrix in float32 [outputs, inputs] as an expression that the plugin folds into its kernels.

    Why 8 bits: 4 in the feed-forward layers, with a scale and a zero point for 128 inputs, decode the 1.5B by a quarter
    faster and fail infillings that 8 pass; with a scale for fewer inputs they are no faster.
    """
    if weight.codes.dtype == np.int8:
        values = op.multiply(op.convert(_shared(weight.codes), "f16"), _shared(weight.scales))
        return op.convert(values, "f32")
    outputs, groups, _ = weight.scales.shape
    inputs = 2 * weight.codes.shape[1]
    codes = ov.Tensor(weight.codes, [outputs, groups, inputs // groups], ov.Type.i4)
    values = op.multiply(op.convert(_shared(codes), "f16"), _shared(weight.scales))
    return op.convert(op.reshape(values, _constant(np.array([outputs, inputs])), False), "f32")


def _shared(value: NDArray[Any] | ov.Tensor) -> Node:
    """A constant that does not copy: the weights stay the mapped file until the plugin packs them."""
    return op.constant(value, shared_memory=True)


def _constant(value: np.generic | NDArray[Any]) -> Node:
    return op.constant(value)


def _row(vector: NDArray[np.float32]) -> Node:
    return _constant(vector.reshape(1, -1))


def _input(name: str, dtype: Any, shape: Sequence[int] = (-1,)) -> Node:
    node = op.parameter(list(shape), dtype)
    node.set_friendly_name(name)
    node.output(0).get_tensor().set_names({name})
    return node


def _output(x: Node) -> ov.Output:
    return x if isinstance(x, ov.Output) else x.output(0)
