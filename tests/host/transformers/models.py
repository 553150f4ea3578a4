"""Tiny models of several families, built from configurations with random weights and saved as large ones are."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import PIL.Image
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

CORPUS = (
    "def add(left, right):\n    return left + right\n",
    "What colour is the circle in the second picture? The quick brown fox jumps over the lazy dog.",
)
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}IMAGE{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SMALL = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
}
EYE = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}


def qwen2(target: Path) -> None:
    tokenizer = _tokenizer()
    tokenizer.chat_template = CHAT
    config = transformers.Qwen2Config(**SMALL, **_ids(tokenizer))
    _save(transformers.Qwen2ForCausalLM, config, tokenizer, target)


def qwen2_5_vl(target: Path) -> None:
    special = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
    tokenizer = _tokenizer(*special)
    start, end, image, video = tokenizer.convert_tokens_to_ids(list(special))
    processor = _without_videos(transformers.Qwen2_5_VLProcessor)(
        image_processor=transformers.Qwen2VLImageProcessorPil(
            patch_size=8, merge_size=2, min_pixels=16 * 16, max_pixels=64 * 64
        ),
        tokenizer=tokenizer,
        chat_template=CHAT.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>"),
    )
    config = transformers.Qwen2_5_VLConfig(
        text_config={
            **SMALL,
            **_ids(tokenizer),
            "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0},
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 2,
            "patch_size": 8,
            "spatial_merge_size": 2,
            "out_hidden_size": 64,
            "window_size": 32,
            "fullatt_block_indexes": [1],
        },
        image_token_id=image,
        video_token_id=video,
        vision_start_token_id=start,
        vision_end_token_id=end,
    )
    _save(transformers.Qwen2_5_VLForConditionalGeneration, config, processor, target)


def smolvlm(target: Path) -> None:
    special = ("<fake_token_around_image>", "<image>", "<global-img>", "<end_of_utterance>")
    rows = tuple(f"<row_{row}_col_{column}>" for row in range(1, 3) for column in range(1, 3))
    tokenizer = _tokenizer(*special, *rows)
    processor = transformers.Idefics3Processor(
        image_processor=transformers.Idefics3ImageProcessorPil(
            size={"longest_edge": 64}, max_image_size={"longest_edge": 32}, do_image_splitting=True
        ),
        tokenizer=tokenizer,
        image_seq_len=4,
        chat_template=CHAT.replace("IMAGE", "<image>"),
    )
    config = transformers.Idefics3Config(
        text_config=transformers.LlamaConfig(**SMALL, **_ids(tokenizer)),
        vision_config={**EYE, "image_size": 32, "patch_size": 8},
        scale_factor=2,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        pad_token_id=tokenizer.pad_token_id,
    )
    _save(transformers.Idefics3ForConditionalGeneration, config, processor, target)


def llava(target: Path) -> None:
    tokenizer = _tokenizer(image_token="<image>")
    processor = transformers.LlavaProcessor(
        image_processor=transformers.CLIPImageProcessorPil(
            size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
        ),
        tokenizer=tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT.replace("IMAGE", "<image>\n"),
    )
    config = transformers.LlavaConfig(
        text_config=transformers.LlamaConfig(**SMALL, **_ids(tokenizer)),
        vision_config=transformers.CLIPVisionConfig(**EYE, image_size=32, patch_size=8),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_select_strategy="default",
        image_seq_length=16,
    )
    _save(transformers.LlavaForConditionalGeneration, config, processor, target)


def gemma3(target: Path) -> None:
    """Its layers see through a sliding window, and the tokens of a picture see one another."""
    special = {"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>", "image_token": "<image_soft_token>"}
    tokenizer = _tokenizer(**special)
    processor = transformers.Gemma3Processor(
        image_processor=transformers.Gemma3ImageProcessorPil(size={"height": 32, "width": 32}),
        tokenizer=tokenizer,
        image_seq_length=4,
        chat_template=CHAT.replace("IMAGE", "<start_of_image>"),
    )
    config = transformers.Gemma3Config(
        text_config={**SMALL, **_ids(tokenizer), "head_dim": 16, "sliding_window": 16, "sliding_window_pattern": 2},
        vision_config={**EYE, "image_size": 32, "patch_size": 8, "vision_use_head": False},
        mm_tokens_per_image=4,
        boi_token_index=tokenizer.boi_token_id,
        eoi_token_index=tokenizer.eoi_token_id,
        image_token_index=tokenizer.image_token_id,
    )
    _save(transformers.Gemma3ForConditionalGeneration, config, processor, target)


SIGHTED: dict[str, Callable[[Path], None]] = {
    "qwen2.5-vl": qwen2_5_vl,
    "smolvlm": smolvlm,
    "llava": llava,
    "gemma3": gemma3,
}


def noise(seed: int, width: int = 40, height: int = 40) -> PIL.Image.Image:
    return PIL.Image.frombytes("RGB", (width, height), random.Random(seed).randbytes(width * height * 3))


def _tokenizer(*special: str, **named: str) -> transformers.PreTrainedTokenizerFast:
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>", *special, *named.values()],
        # Only ASCII, the space and the line break: noise in other bytes would not be text.
        initial_alphabet=[sign for sign in pre_tokenizers.ByteLevel.alphabet() if sign.isascii() or sign in "ĠĊ"],
        show_progress=False,
    )
    backend.train_from_iterator(CORPUS * 3, trainer)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        model_max_length=4096,
        extra_special_tokens=named,
    )


def _without_videos(kind: type) -> type:
    """The processor for pictures alone: that for videos needs torchvision."""
    names = [name for name in kind.get_attributes() if "video" not in name]  # type: ignore[attr-defined]
    return type(kind.__name__, (kind,), {"get_attributes": classmethod(lambda cls: names)})


def _ids(tokenizer: transformers.PreTrainedTokenizerFast) -> dict[str, int | None]:
    return {
        "vocab_size": len(tokenizer),
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def _save(kind: type, config: object, processor: object, target: Path) -> None:
    torch.manual_seed(0)
    model = kind(config)
    # The usual scale of 0.02 leaves a model so small that it says the same whatever it sees.
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any() and parameter.dim() > 1:
                parameter.normal_(0, 0.1)
            elif parameter.dim() > 1:
                parameter.mul_(4)
    model.save_pretrained(target)
    processor.save_pretrained(target)  # type: ignore[attr-defined]
