"""Measure the transformers engine on models of real size with random weights: only shapes matter for speed.

    python bench/gpu.py                 # on a machine with a GPU: bench/results/gpu.md and .json
    python bench/gpu.py --only 7B       # one of the models
    python bench/gpu.py --compiled      # and transformers' own compiled decoding, which takes minutes to compile
    python bench/gpu.py --tiny          # on any CPU, in a minute: shows that the bench runs, measures nothing

Each decoder of the engine is asked as the host asks it. `step` computes a request at a time, `captured` decodes by
replaying one captured pass, `paged` batches (where it is made for the device). Decoding reads every weight for every
token, so its bound is the measured memory bandwidth over the size of the weights. With `--only`, the rows of the other
models stay as they were.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

import PIL.Image
import torch
import transformers

from mmcore.engine.base import Sampling
from mmcore.engine.turn import Turn
from mmcore.host.transformers.loading import Loaded, release
from mmcore.host.transformers.paged import PagedDecoder
from mmcore.host.transformers.prompts import Prompt
from mmcore.host.transformers.stepping import StepDecoder, Token

RESULTS = Path(__file__).parent / "results"
CACHE_MIB = 8192
DRAW = random.Random(0)
VOCABULARY = 151936
Note = Callable[[str, float, str], None]
START, END, IMAGE, VIDEO = range(151652, 151656)
# Shapes of Qwen2.5 3B and 7B, and of the eye of Qwen2.5-VL.
SIZES: dict[str, dict[str, int]] = {
    "3B": {"hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36, "num_attention_heads": 16},
    "7B": {"hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28},
}
KEYS = {"3B": 2, "7B": 4}
EYE = {
    "depth": 32,
    "hidden_size": 1280,
    "intermediate_size": 3420,
    "num_heads": 16,
    "fullatt_block_indexes": [7, 15, 23, 31],
}
TINY = {"hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4}
TINY_EYE: dict[str, Any] = {
    "depth": 2,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_heads": 2,
    "fullatt_block_indexes": [1],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="tiny shapes and short prompts, on any device")
    parser.add_argument("--only", choices=("3B", "7B", "VL"), help="one model")
    parser.add_argument("--compiled", action="store_true", help="transformers' generate with a static cache as well")
    arguments = parser.parse_args()
    device = torch.accelerator.current_accelerator() or torch.device("cpu")
    if device.type == "cpu" and not arguments.tiny:
        parser.error("there is no accelerator here; --tiny shows that the bench runs")
    name = torch.cuda.get_device_name() if device.type == "cuda" else device.type
    bandwidth = measure_bandwidth(device, 1 << (24 if arguments.tiny else 31))
    print(f"{name}: {bandwidth / 1e9:,.0f} GB/s read and written, torch {torch.__version__}", flush=True)
    table = Table("gpu-tiny" if arguments.tiny else "gpu", f"{name}, {bandwidth / 1e9:,.0f} GB/s")
    for model in ("3B", "7B", "VL"):
        if arguments.only in (None, model):
            asyncio.run(measure(table.start(model), model, device, arguments, bandwidth))


class Table:
    """What was measured, written after every row: a lent machine may be taken back."""

    def __init__(self, name: str, machine: str) -> None:
        self._path = RESULTS / f"{name}.json"
        self._machine = machine
        self._rows: list[dict[str, Any]] = json.loads(self._path.read_text("utf-8")) if self._path.exists() else []

    def start(self, model: str) -> Note:
        self._rows = [row for row in self._rows if row["model"] != model]

        def note(what: str, value: float, unit: str) -> None:
            self._rows.append({"model": model, "what": what, "value": value, "unit": unit, "machine": self._machine})
            print(f"{model:>3}  {what:<48} {value:>12,.2f} {unit}", flush=True)
            self._write()

        return note

    def _write(self) -> None:
        RESULTS.mkdir(exist_ok=True)
        self._path.write_text(json.dumps(self._rows, indent=1) + "\n", "utf-8")
        machines = " / ".join(dict.fromkeys(row["machine"] for row in self._rows))
        lines = [f"{machines}, torch {torch.__version__}, transformers {transformers.__version__}", ""]
        lines += ["| model | measured | value | unit |", "|---|---|---:|---|"]
        lines += [f"| {row['model']} | {row['what']} | {row['value']:,.2f} | {row['unit']} |" for row in self._rows]
        self._path.with_suffix(".md").write_text("\n".join(lines) + "\n", "utf-8")


async def measure(
    note: Note, model: str, device: torch.device, arguments: argparse.Namespace, bandwidth: float
) -> None:
    tiny = arguments.tiny
    before = reserved(device)
    loaded = seeing(device, tiny) if model == "VL" else text(model, device, tiny)
    weights = sum(parameter.nbytes for parameter in loaded.model.parameters())
    note("weights", weights / 1e9, "GB")
    bound = bandwidth / weights
    decoders: dict[str, Callable[[Loaded], Any]] = {
        "step": lambda loaded: StepDecoder(loaded, CACHE_MIB, captured=False),
        "captured": lambda loaded: StepDecoder(loaded, CACHE_MIB, captured=True),
    }
    if model != "VL" and (tiny or PagedDecoder.suits(loaded)):
        decoders["paged"] = PagedDecoder
    for name, make in decoders.items():
        with clock(device) as seconds:
            decoder = make(loaded)
        note(f"{name}: made ready", seconds[0], "s")
        await (measure_sight if model == "VL" else measure_text)(name, decoder, tiny, bound, note)
        note(f"{name}: memory reserved while loaded", reserved(device) / 1e9, "GB")
        await decoder.close()
        del decoder
        release()
    if model != "VL" and arguments.compiled:
        measure_static(loaded, tiny, bound, note)
    del loaded
    release()
    note("memory reserved after unload, over before", (reserved(device) - before) / 1e9, "GB")


async def measure_text(name: str, decoder: Any, tiny: bool, bound: float, note: Note) -> None:
    lengths = (64, 256) if tiny else (1024, 8192)
    count = 16 if tiny else 128
    await timed(decoder.generate(prompt(lengths[0]), Sampling(max_tokens=count), False, Turn()), count)
    for length in lengths:
        asked = prompt(length)
        first, _ = await timed(decoder.generate(asked, Sampling(max_tokens=1), False, Turn()), 1)
        note(f"{name}: first token after {length:,}", first * 1000, "ms")
        more = Prompt([*asked.ids, 1])
        first, rest = await timed(decoder.generate(more, Sampling(max_tokens=count), False, Turn()), count)
        note(f"{name}: first token, one more after {length:,}", first * 1000, "ms")
        note(f"{name}: decode after {length:,}", (count - 1) / rest, "tokens/s")
        note(f"{name}: decode after {length:,}, of the bound", (count - 1) / rest / bound * 100, "%")
    for requests in (1, 4, 16):
        if requests > decoder.slots:
            break
        streams = (
            decoder.generate(prompt(lengths[0]), Sampling(max_tokens=count), False, Turn()) for _ in range(requests)
        )
        began = time.perf_counter()
        times = await asyncio.gather(*(timed(stream, count) for stream in streams))
        note(f"{name}: {requests} at once, all", requests * count / (time.perf_counter() - began), "tokens/s")
        note(f"{name}: {requests} at once, last first token", max(first for first, _ in times) * 1000, "ms")


def measure_static(loaded: Loaded, tiny: bool, bound: float, note: Note) -> None:
    count = 16 if tiny else 128
    ids = torch.tensor([prompt(64 if tiny else 1024).ids], device=loaded.device)
    options = {"do_sample": False, "attention_mask": torch.ones_like(ids), "cache_implementation": "static"}
    took = {}
    # The second run of each: the first compiles. Their difference is decoding alone.
    for most in (1, 1, count, count):
        with clock(loaded.device) as seconds:
            loaded.model.generate(ids, max_new_tokens=most, min_new_tokens=most, **options)
        took[most] = seconds[0]
    speed = (count - 1) / (took[count] - took[1])
    note("generate, static cache: decode", speed, "tokens/s")
    note("generate, static cache: decode, of the bound", speed / bound * 100, "%")


async def measure_sight(name: str, decoder: Any, tiny: bool, bound: float, note: Note) -> None:
    """Pictures of a megapixel, each another, so that nothing is reused."""
    side, count, many = (112, 2, 8) if tiny else (1000, 8, 64)
    began = time.perf_counter()
    prompts = [seen(side) for _ in range(count + 1)]
    note(f"{name}: picture prepared by Pillow, one core", (time.perf_counter() - began) / len(prompts) * 1000, "ms")
    note(f"{name}: picture, tokens", len(prompts[0].ids), "")
    await timed(decoder.generate(prompts[0], Sampling(max_tokens=many), False, Turn()), many)
    began = time.perf_counter()
    for asked in prompts[1:]:
        await timed(decoder.generate(asked, Sampling(max_tokens=1), False, Turn()), 1)
    took = time.perf_counter() - began
    note(f"{name}: picture, first token", took / count * 1000, "ms")
    note(f"{name}: pictures", count / took, "a second")
    _, rest = await timed(decoder.generate(prompts[0], Sampling(max_tokens=many), False, Turn()), many)
    note(f"{name}: decode after a picture", (many - 1) / rest, "tokens/s")
    note(f"{name}: decode after a picture, of the bound", (many - 1) / rest / bound * 100, "%")


async def timed(stream: AsyncGenerator[Token, None], count: int) -> tuple[float, float]:
    """Seconds to the first token, and from there to the last of `count`."""
    began = time.perf_counter()
    first = began
    async with aclosing(stream) as tokens:
        number = 0
        async for _ in tokens:
            number += 1
            if number == 1:
                first = time.perf_counter()
            if number == count:
                break
    return first - began, time.perf_counter() - first


def text(size: str, device: torch.device, tiny: bool) -> Loaded:
    shape = TINY if tiny else SIZES[size]
    config = transformers.Qwen2Config(**shape, num_key_value_heads=2 if tiny else KEYS[size], **common(tiny))
    return Loaded(build(transformers.Qwen2ForCausalLM, config, device), None, None, None, frozenset({-1}), 16384)


def seeing(device: torch.device, tiny: bool) -> Loaded:
    shape = TINY if tiny else SIZES["3B"]
    head = shape["hidden_size"] // shape["num_attention_heads"]
    config = transformers.Qwen2_5_VLConfig(
        text_config={
            **shape,
            **common(tiny),
            "num_key_value_heads": 2,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1e6,
                "mrope_section": [head // 8, head // 2 // 8 * 3, head // 2 // 8 * 3],
            },
        },
        vision_config={**(TINY_EYE if tiny else EYE), "out_hidden_size": shape["hidden_size"]},
        image_token_id=IMAGE,
        video_token_id=VIDEO,
        vision_start_token_id=START,
        vision_end_token_id=END,
    )
    model = build(transformers.Qwen2_5_VLForConditionalGeneration, config, device)
    return Loaded(model, None, object(), None, frozenset({-1}), 16384)


def common(tiny: bool) -> dict[str, Any]:
    return {
        "vocab_size": VOCABULARY,
        "max_position_embeddings": 32768,
        "tie_word_embeddings": tiny,
        "bos_token_id": None,
        "eos_token_id": None,
    }


def build(kind: Any, config: Any, device: torch.device) -> Any:
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32 if device.type == "cpu" else torch.bfloat16)
    try:
        with torch.device(device):
            model = kind(config)
    finally:
        torch.set_default_dtype(default)
    return model.eval().requires_grad_(False)


def prompt(length: int) -> Prompt:
    """Random tokens: no two prompts share a beginning."""
    return Prompt([DRAW.randrange(1000, 100_000) for _ in range(length)])


def seen(side: int) -> Prompt:
    """A prompt with a picture of noise, as the processor of Qwen2.5-VL would make it."""
    picture = PIL.Image.frombytes("RGB", (side, side), DRAW.randbytes(side * side * 3))
    pixels = dict(transformers.Qwen2VLImageProcessorPil()(picture, return_tensors="pt"))
    tokens = int(pixels["image_grid_thw"][0].prod()) // 4
    ids = [*prompt(16).ids, START, *[IMAGE] * tokens, END, *prompt(16).ids]
    marks = {"mm_token_type_ids": torch.tensor([[int(token == IMAGE) for token in ids]])}
    return Prompt(ids, (str(DRAW.random()),), 17 + tokens, pixels, marks)


def measure_bandwidth(device: torch.device, size: int) -> float:
    """Bytes a second that a copy reads and writes."""
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    best = float("inf")
    for _ in range(6):
        with clock(device) as seconds:
            target.copy_(source)
        best = min(best, seconds[0])
    return 2 * size / best


@contextmanager
def clock(device: torch.device) -> Iterator[list[float]]:
    seconds = [0.0]
    synchronize(device)
    began = time.perf_counter()
    yield seconds
    synchronize(device)
    seconds[0] = time.perf_counter() - began


def synchronize(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize()


def reserved(device: torch.device) -> int:
    return torch.cuda.memory_reserved() if device.type == "cuda" else 0


if __name__ == "__main__":
    main()
