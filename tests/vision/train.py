"""Train a tiny vision-language model on the CPU until it answers questions about coloured shapes.

    python -m tests.vision.train DIRECTORY [SECONDS]

A LLaVA of 0.2 M parameters, built from a configuration with random weights; its tokenizer is trained here too. Its eyes
come first, as in large models, and stay as they are then: they learn to say of each part of a picture what is there.
Trained as a whole from the start, it counts the shapes and stays at .59 of the questions, for the words learn to look
for what the eyes do not show yet. What it shows is that pixels reach a model and decide what it says, by the very
files, processor and chat template that a large one would be loaded from.
"""

from __future__ import annotations

import itertools
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import PIL.Image
import tokenizers
import torch
import transformers
from tokenizers import decoders, models, pre_tokenizers, trainers
from torch.nn.functional import mse_loss

from tests.vision.scenes import COLOURS, PLACES, SHAPES, SIDE, Scene, questions, scenes

PATCH = 16
BATCH = 128
EYE_STEPS = 1000
STEPS = 3000
SECONDS = 400.0
RATE = 2e-3
WARM_UP = 50
ENOUGH = 0.995
IGNORED = -100
TEMPLATE = (
    "{% for message in messages %}{% if message['role'] != 'system' %}<|{{ message['role'] }}|>"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<|end|>{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def build() -> tuple[transformers.LlavaForConditionalGeneration, transformers.LlavaProcessor]:
    """The model with random weights, and its processor."""
    tokenizer = _tokenizer()
    processor = transformers.LlavaProcessor(
        image_processor=transformers.CLIPImageProcessorPil(
            size={"height": SIDE, "width": SIDE}, do_center_crop=False, image_mean=[0.5] * 3, image_std=[0.5] * 3
        ),
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    )
    vision = transformers.CLIPVisionConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=SIDE,
        patch_size=PATCH,
    )
    text = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    config = transformers.LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=(SIDE // PATCH) ** 2,
        vision_feature_select_strategy="default",
        vision_feature_layer=-1,
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    return transformers.LlavaForConditionalGeneration(config), processor


def train(target: Path, seconds: float) -> float:
    """Train for at most `seconds` of processor time, save; the share of held-out questions that are answered right."""
    # Matrices of this size gain little from a second core, and lose much where somebody else needs it.
    torch.set_num_threads(1)
    model, processor = build()
    began = time.process_time()
    sight = open_eyes(model, processor)
    print(f"{time.process_time() - began:4.0f} s  the eyes tell {sight:.1%} of what lies where", flush=True)
    optimizer = torch.optim.AdamW(model.model.language_model.parameters(), betas=(0.9, 0.98), weight_decay=0.01)
    batches = _batches(processor)
    for step in range(STEPS):
        # By the clock, so that a slow machine anneals to the end too; not the wall's, whose pace others change.
        done = max(step / STEPS, (time.process_time() - began) / seconds)
        if done >= 1:
            break
        loss = model(**next(batches)).loss
        model.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = RATE * min((step + 1) / WARM_UP, 1.0) * max(1 - done, 0.02)
        optimizer.step()
        if step % 100 == 99:
            right = accuracy(model, processor, 24)
            print(
                f"{time.process_time() - began:4.0f} s  step {step + 1}  loss {loss.item():.3f}  {right:.3f}",
                flush=True,
            )
            if right >= ENOUGH:
                break
    model.save_pretrained(target)
    processor.save_pretrained(target)
    return accuracy(model, processor, 40)


def open_eyes(model: transformers.LlavaForConditionalGeneration, processor: transformers.LlavaProcessor) -> float:
    """Train what comes before the language model, for good, to say of each quarter of a picture what is there, in the
    language model's words: as the sum of their embeddings. One patch is one quarter.

    The share of the last quarters that is nearest to what is right.
    """
    eyes = [*model.model.vision_tower.parameters(), *model.model.multi_modal_projector.parameters()]
    optimizer = torch.optim.AdamW(eyes, lr=RATE, betas=(0.9, 0.98), weight_decay=0.01)
    embeddings = model.get_input_embeddings().weight.detach()

    def spoken(*words: str) -> torch.Tensor:
        # A word is another token where a space is before it.
        ids = [token for word in words for form in (word, f" {word}") for token in processor.tokenizer(form).input_ids]
        return embeddings[ids].sum(0)

    contents = [(place, *content) for place in PLACES for content in (("no",), *itertools.product(SHAPES, COLOURS))]
    meant = torch.stack([spoken(*content) for content in contents])
    stream = scenes(2, held_out=False)
    right = 0.0
    for step in range(EYE_STEPS):
        drawn = list(itertools.islice(stream, BATCH))
        pixels = processor.image_processor([image for _, image in drawn], return_tensors="pt")["pixel_values"]
        shown = torch.cat(list(model.model.get_image_features(pixels).pooler_output))
        there = torch.tensor([contents.index(content) for scene, _ in drawn for content in _quarters(scene)])
        loss = mse_loss(shown, meant[there]) / meant.var()
        optimizer.zero_grad()
        loss.backward()
        for group in optimizer.param_groups:
            group["lr"] = RATE * min((step + 1) / WARM_UP, 1.0) * max(1 - step / EYE_STEPS, 0.02)
        optimizer.step()
        right = (torch.cdist(shown, meant).argmin(1) == there).float().mean().item()
    for parameter in eyes:
        parameter.requires_grad_(False)
    return right


def _quarters(scene: Scene) -> list[tuple[str, ...]]:
    """What is at each of PLACES."""
    lies = {shape.place: (shape.kind, shape.colour) for shape in scene.shapes}
    return [(place, *lies.get(place, ("no",))) for place in PLACES]


@torch.inference_mode()
def accuracy(
    model: transformers.LlavaForConditionalGeneration, processor: transformers.LlavaProcessor, n: int
) -> float:
    """Over all questions about `n` scenes that were held out, one question a conversation.

    An answer is right when each of its tokens is the likeliest after those before it: when a greedy answer would be it.
    """
    model.eval()
    right = total = 0
    for scene, image in itertools.islice(scenes(1, held_out=True), n):
        asked = [
            [_turn("user", question, image=True), _turn("assistant", answer)] for question, answer in questions(scene)
        ]
        inputs = _inputs(processor, asked, [image] * len(asked))
        labels = inputs.pop("labels")[:, 1:]
        guesses = model(**inputs).logits[:, :-1].argmax(-1)
        right += int(((guesses == labels) | (labels == IGNORED)).all(1).sum())
        total += len(asked)
    model.train()
    return right / total


def _batches(processor: transformers.LlavaProcessor) -> Iterator[dict[str, torch.Tensor]]:
    """One question a picture: of several, the later ones could be answered by what was said before, not by looking."""
    shuffle = random.Random(0)
    stream = scenes(0, held_out=False)
    while True:
        drawn = list(itertools.islice(stream, BATCH))
        asked = [_asked(*shuffle.choice(questions(scene))) for scene, _ in drawn]
        yield _inputs(processor, asked, [image for _, image in drawn])


def _inputs(
    processor: transformers.LlavaProcessor, conversations: list[list[dict[str, object]]], images: list[PIL.Image.Image]
) -> dict[str, torch.Tensor]:
    """Conversations as tokens, with labels for what the assistant says and the token that ends it."""
    texts = processor.apply_chat_template(conversations)
    inputs = processor(text=texts, images=images, return_tensors="pt", padding=True)
    ids = inputs["input_ids"]
    opens = ids == processor.tokenizer.convert_tokens_to_ids("<|assistant|>")
    ends = ids == processor.tokenizer.eos_token_id
    opened = (opens.cumsum(1) - opens.long()).bool() & (opens.cumsum(1) > (ends.cumsum(1) - ends.long()) // 2)
    return {**inputs, "labels": ids.where(opened & ~opens, torch.tensor(IGNORED))}


def _asked(question: str, answer: str) -> list[dict[str, object]]:
    return [_turn("user", question, image=True), _turn("assistant", answer)]


def _turn(role: str, text: str, image: bool = False) -> dict[str, object]:
    content: list[dict[str, str]] = [{"type": "text", "text": text}]
    return {"role": role, "content": [{"type": "image"}, *content] if image else content}


def _tokenizer() -> transformers.PreTrainedTokenizerFast:
    """Byte-level, so that any text is tokens; trained on the questions and answers, whose words become a token each."""
    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    pairs = [pair for scene, _ in itertools.islice(scenes(0, held_out=False), 300) for pair in questions(scene)]
    special = ["<|pad|>", "<|end|>", "<|user|>", "<|assistant|>", "<image>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(itertools.chain.from_iterable(pairs), trainer)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<|pad|>",
        eos_token="<|end|>",
        extra_special_tokens={"image_token": "<image>"},
        model_max_length=1024,
    )


def main(arguments: Sequence[str]) -> None:
    target = Path(arguments[0])
    seconds = float(arguments[1]) if len(arguments) > 1 else SECONDS
    right = train(target, seconds)
    print(f"{right:.1%} of the held-out questions are answered right; the model is in {target}")
    if right < 0.95:
        sys.exit("the model has not learnt enough")


if __name__ == "__main__":
    main(sys.argv[1:])
