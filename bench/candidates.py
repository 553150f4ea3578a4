"""Engines that were measured and are not shipped, beside those that are, in the same table.

    make bench-candidates                                   # in an environment of its own, .candidates
    .candidates/bin/python bench/candidates.py --engines "openvino-genai" --models qwen2.5-coder-1.5b --rounds 1

`openvino-genai` is OpenVINO's own server of language models and reads the GGUF file itself. The others are our engine
on transformers, as the GPU has it, with the weights of the GGUF file in 16 bits, or with every linear layer replaced:
by `torch._int_mm` on activations that have a scale a token, or by what torchao makes of it; `compiled` by
torch.compile.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import threading
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from engines import COMPUTED, MODELS, Child, Results, answer_with, measure

from mmcore import config
from mmcore.config import HostSettings
from mmcore.engine.base import ChatRequest, CompletionRequest, Sampling
from mmcore.host.weights.catalog import find
from mmcore.host.weights.pull import locate
from mmcore.types import Chunk, Usage

GENAI, PLAIN, INT8, COMPILED, TORCHAO = (
    "openvino-genai",
    "torch bf16",
    "torch int8",
    "torch int8, compiled",
    "torchao int8",
)
ENGINES = (GENAI, PLAIN, INT8, COMPILED, TORCHAO)
CACHE_GB = 1


class GenAi:
    """OpenVINO GenAI with its own paged attention and prefix cache."""

    def __init__(self, path: Path) -> None:
        import openvino_genai

        self._genai = openvino_genai
        cache = openvino_genai.SchedulerConfig()
        cache.enable_prefix_caching = True
        cache.cache_size = CACHE_GB
        threads = os.cpu_count() or 1
        self._pipeline = openvino_genai.LLMPipeline(
            str(path), "CPU", scheduler_config=cache, INFERENCE_NUM_THREADS=threads
        )
        self._tokenizer = self._pipeline.get_tokenizer()

    async def complete(self, request: CompletionRequest) -> AsyncGenerator[Chunk, None]:
        async for chunk in self._generate(request.prompt, request, template=False):
            yield chunk

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        async for chunk in self._generate(request.messages[-1].content, request, template=True):
            yield chunk

    async def close(self) -> None:
        del self._pipeline

    async def _generate(
        self, prompt: str, request: CompletionRequest | ChatRequest, template: bool
    ) -> AsyncGenerator[Chunk, None]:
        sampling = request.sampling
        options = self._genai.GenerationConfig(
            max_new_tokens=sampling.max_tokens,
            do_sample=sampling.temperature > 0,
            temperature=sampling.temperature or 1.0,
            stop_strings=set(sampling.stop),
            apply_chat_template=template,
        )
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[Chunk | BaseException] = asyncio.Queue()

        def tell(event: Chunk | BaseException) -> None:
            loop.call_soon_threadsafe(events.put_nowait, event)

        def work() -> None:
            try:
                result = self._pipeline.generate([prompt], options, lambda text: tell(Chunk(text)))
                tokens = result.perf_metrics.get_num_input_tokens(), result.perf_metrics.get_num_generated_tokens()
                # How much of the prompt it had in its cache, it does not tell: `COMPUTED` is not noted.
                tell(Chunk("", "stop", Usage(tokens[0], 0, tokens[1])))
            except BaseException as error:
                tell(error)

        threading.Thread(target=work, daemon=True).start()
        ended = False
        while not ended:
            event = await events.get()
            if isinstance(event, BaseException):
                raise event
            ended = event.finish_reason is not None
            yield event


def open_engine(kind: str, model: str) -> Any:
    path = locate(find(model), config.load()[0])
    if kind == GENAI:
        return GenAi(path)
    from mmcore.host.transformers.engine import TransformersEngine

    engine = TransformersEngine(model, as_directory(path), HostSettings())
    network = engine._loaded.model
    if kind in (INT8, COMPILED):
        use_int_mm(network)
    if kind == COMPILED:
        network.model.compile(dynamic=True)
    if kind == TORCHAO:
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

        quantize_(network, Int8DynamicActivationInt8WeightConfig())
    return engine


def as_directory(path: Path) -> Path:
    """The weights of a GGUF file in the form that transformers loads, made once."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    target = config.cache_dir() / "candidates" / path.stem
    if not target.exists():
        partial = target.with_suffix(".partial")
        AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name).save_pretrained(partial)
        AutoModelForCausalLM.from_pretrained(
            path.parent, gguf_file=path.name, dtype="bfloat16", quantization_config=GgufConfig(dequantize=True)
        ).save_pretrained(partial)
        partial.rename(target)
    return target


def use_int_mm(network: Any) -> None:
    """Every linear layer with weights of 8 bits, a scale an output, and activations of 8 bits, a scale a token."""
    import torch

    class Linear(torch.nn.Module):
        def __init__(self, plain: torch.nn.Linear) -> None:
            super().__init__()
            weight = plain.weight.data.float()
            self.scale = weight.abs().amax(1) / 127
            self.codes = (weight / self.scale[:, None]).round().to(torch.int8).t()
            self.bias = plain.bias

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            rows = x.reshape(-1, x.shape[-1]).float()
            scale = rows.abs().amax(1, keepdim=True).clamp_min(1e-8) / 127
            product = torch._int_mm((rows / scale).round().to(torch.int8), self.codes)
            y = (product.float() * scale * self.scale).to(x.dtype).reshape(*x.shape[:-1], -1)
            return y if self.bias is None else y + self.bias

    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, torch.nn.Linear):
                setattr(module, name, Linear(child))


async def answer(kind: str, model: str) -> None:
    began = time.perf_counter()
    engine = open_engine(kind, model)
    if kind == COMPILED:
        # Its start: the first prompts of another form and the first steps are compiled, each for minutes.
        for length in (200, 900, 1500):
            async for _ in engine.complete(CompletionRequest(model, "x = 1\n" * (length // 4), Sampling(max_tokens=4))):
                pass
    await answer_with(engine, kind, model, began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--engines", nargs="+", default=ENGINES, choices=ENGINES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--answer", nargs=2, metavar=("ENGINE", "MODEL"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.answer:
        asyncio.run(answer(*arguments.answer))
        return
    results = Results(keep=True)
    for model in arguments.models:
        for kind in arguments.engines:
            try:
                child = Child(kind, model, script=__file__)
            except SystemExit:
                print(f"{kind} does not load {model}", file=sys.stderr)
                results.add(model, {kind: {}})
                continue
            results.add(model, {kind: {"later start, s": [child.start_s]}})

            def note(kind: str, name: str, value: float, model: str = model) -> None:
                if not (kind == GENAI and name == COMPUTED):
                    results.note(model, kind, name, value)

            for turn in range(arguments.rounds):
                measure({kind: child}, turn, note, guessing=(False,))
            child.close()
            results.show(model)


if __name__ == "__main__":
    main()
