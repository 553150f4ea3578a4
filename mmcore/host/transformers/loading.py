"""Load a directory of safetensors with transformers: text models, and any that read pictures too."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tokenizers
import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText, AutoTokenizer
from transformers.models.auto import modeling_auto, processing_auto

from mmcore.errors import EngineUnavailable

# Tokens that end a text whatever `generation_config.json` says: the files of base models do not name all of these, and
# llama.cpp has the same list. A text that goes on behind them is about another file.
_ENDS = ("<|endoftext|>", "<|im_end|>", "<|eot_id|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>", "<end_of_turn>")


# What a directory that is incomplete, damaged or of an unknown kind shows itself by.
_DAMAGED = (SafetensorError, OSError, ValueError, KeyError, ImportError, AttributeError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model on its device. `processor` is None for one that reads text only; `ends` are token ids.

    `vocabulary` is a copy of the tokenizer's own, for other threads: to encode changes the tokenizer's state.
    """

    model: Any
    tokenizer: Any
    processor: Any | None
    vocabulary: tokenizers.Tokenizer
    ends: frozenset[int]
    context_tokens: int

    @property
    def device(self) -> torch.device:
        device: torch.device = self.model.device
        return device


def load(path: Path, context_tokens: int) -> Loaded:
    """The model in `path`, whole on one device: an accelerator where there is one. Raises EngineUnavailable.

    No code that comes with the weights is run, and pickled weights, which are code, are not read.
    """
    if not any(path.glob("*.safetensors")):
        raise EngineUnavailable(f"{path} has no weights in safetensors, the only form that is loaded from a directory")
    safe = {"local_files_only": True, "trust_remote_code": False}
    device = torch.accelerator.current_accelerator() or torch.device("cpu")
    try:
        config = AutoConfig.from_pretrained(path, **safe)
        sees = type(config) in modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
        kind = AutoModelForImageTextToText if sees else AutoModelForCausalLM
        model = kind.from_pretrained(
            path, config=config, use_safetensors=True, dtype=dtype_for(device, config.dtype), **safe
        )
        processor = _processor(path, config) if sees else None
        tokenizer = processor.tokenizer if processor else AutoTokenizer.from_pretrained(path, **safe)
        vocabulary = tokenizers.Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        model = model.eval().requires_grad_(False).to(device)
    except torch.OutOfMemoryError:
        release()
        raise EngineUnavailable(f"{path.name} does not fit into the memory of {device}; choose a smaller one") from None
    except _DAMAGED as error:
        raise EngineUnavailable(f"{path} cannot be loaded: {' '.join(str(error).split())[:300]}") from error
    longest = config.get_text_config().max_position_embeddings
    return Loaded(model, tokenizer, processor, vocabulary, _ends(model, tokenizer), min(context_tokens, longest))


def _processor(path: Path, config: Any) -> Any:
    """With Pillow, and without the part for videos, which would need torchvision even where there are none.

    See https://github.com/huggingface/transformers/issues/48558.
    """
    kind = processing_auto.PROCESSOR_MAPPING[type(config)]

    names = kind.get_attributes()

    class Pictures(kind):  # type: ignore[misc, valid-type]
        @classmethod
        def get_attributes(cls) -> list[str]:
            return [name for name in names if "video" not in name]

        @classmethod
        def _get_arguments_from_pretrained(cls, *arguments: Any, **options: Any) -> list[Any]:
            parts = dict(
                zip(cls.get_attributes(), super()._get_arguments_from_pretrained(*arguments, **options), strict=True)
            )
            return [parts.get(name) for name in names]

    # Some behave by their name.
    Pictures.__name__ = kind.__name__
    return Pictures.from_pretrained(path, local_files_only=True, trust_remote_code=False, backend="pil")


def dtype_for(device: torch.device, stored: torch.dtype | None) -> torch.dtype:
    """bfloat16 where the hardware computes in it, unless the weights are more exact than that on a CPU."""
    if device.type != "cpu":
        return torch.bfloat16
    capable = torch.cpu.get_capabilities().get("avx512_bf16") or torch.cpu.get_capabilities().get("amx_bf16")
    return torch.bfloat16 if capable and stored == torch.bfloat16 else torch.float32


def release() -> None:
    """Give memory that nothing refers to any more back to the device, so that others can have it."""
    gc.collect()
    if torch.accelerator.is_available():
        torch.accelerator.empty_cache()


def _ends(model: Any, tokenizer: Any) -> frozenset[int]:
    stated = model.generation_config.eos_token_id
    ids = set(stated if isinstance(stated, list) else [stated]) | {tokenizer.eos_token_id}
    ids |= {tokenizer.get_added_vocab().get(token) for token in _ENDS}
    return frozenset(int(identity) for identity in ids if identity is not None)
