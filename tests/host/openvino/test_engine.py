"""What an answer is does not depend on what was asked before, beside it, or guessed on the way."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from contextlib import aclosing

import numpy as np
import pytest
from numpy.typing import NDArray

from mmcore.config import HostSettings
from mmcore.engine.base import ChatRequest, CompletionRequest, Sampling
from mmcore.engine.turn import Turn
from mmcore.errors import EngineRejected
from mmcore.host.openvino import worker
from mmcore.host.openvino.decoder import Decoder, Piece
from mmcore.host.openvino.drafts import Drafts
from mmcore.host.openvino.engine import OpenVinoEngine
from mmcore.host.openvino.generation import Generation, Prompt, heal
from mmcore.host.openvino.lookup import Lookup
from mmcore.host.openvino.worker import DEAR, DRAFTED, DRAFTED_ROWS
from mmcore.types import Image, Message
from tests.host.openvino.asking import ask
from tests.host.openvino.tiny import CONTEXT, TinyModel

PROMPT = "def one(numbers):\n    return sum(numbers) + 1\n\n\ndef two(numbers):\n    return "


async def fresh(model: TinyModel, prompt: str, max_tokens: int = 24) -> str:
    """The answer of an engine that was never asked anything else."""
    engine = OpenVinoEngine("tiny", model.path, HostSettings(cache_mib=1))
    said = await ask(engine, prompt, max_tokens)
    await engine.close()
    return said.text


async def test_a_repeated_prompt_is_not_computed_again(tiny: OpenVinoEngine) -> None:
    first, second = await ask(tiny, PROMPT), await ask(tiny, PROMPT)
    assert first.usage.cached_tokens == 0
    assert second.usage.cached_tokens == second.usage.prompt_tokens - 1
    assert second.text == first.text


async def test_one_more_typed_token_computes_one_token(tiny: OpenVinoEngine, tiny_model: TinyModel) -> None:
    await ask(tiny, PROMPT)
    said = await ask(tiny, PROMPT + "x")
    assert said.usage.prompt_tokens - said.usage.cached_tokens == 1
    assert said.text == await fresh(tiny_model, PROMPT + "x")


async def test_a_prompt_cut_in_mid_page_is_found(tiny: OpenVinoEngine, tiny_model: TinyModel) -> None:
    whole = await ask(tiny, PROMPT)
    cut = PROMPT[:-11] + "?"
    said = await ask(tiny, cut)
    assert 0 < said.usage.prompt_tokens - said.usage.cached_tokens <= 2
    assert said.text == await fresh(tiny_model, cut)
    assert (await ask(tiny, PROMPT)).text == whole.text


async def test_a_prompt_that_is_being_answered_is_shared(tiny: OpenVinoEngine) -> None:
    request = CompletionRequest("tiny", PROMPT, Sampling(max_tokens=200))
    async with aclosing(tiny.complete(request)) as chunks:
        await anext(chunks)
        assert (await ask(tiny, PROMPT + "x")).usage.cached_tokens > 0


async def test_what_was_used_longest_ago_is_forgotten_first(tiny_model: TinyModel) -> None:
    engine = OpenVinoEngine("tiny", tiny_model.path, HostSettings(cache_mib=0, context_tokens=128))
    try:
        for letter in "abcd":
            await ask(engine, letter * 60, 4)
        assert (await ask(engine, "d" * 60, 4)).usage.cached_tokens == 59
        assert (await ask(engine, "a" * 60, 4)).usage.cached_tokens < 32
    finally:
        await engine.close()


async def test_a_busy_workspace_does_not_cost_a_quiet_one_its_prompt(tiny_model: TinyModel) -> None:
    engine = OpenVinoEngine("tiny", tiny_model.path, HostSettings(cache_mib=0, context_tokens=128))
    try:
        await ask(engine, "q" * 60, 4, workspace="quiet")
        for letter in "abcdef":
            await ask(engine, letter * 60, 4, workspace="busy")
        figures = await engine.figures()
        assert figures.cache_bytes <= figures.cache_limit_bytes
        assert figures.cache_evictions >= 3
        assert (await ask(engine, "q" * 60, 4, workspace="quiet")).usage.cached_tokens == 59
    finally:
        await engine.close()


async def test_a_lone_workspace_has_the_whole_cache(tiny_model: TinyModel) -> None:
    engine = OpenVinoEngine("tiny", tiny_model.path, HostSettings(cache_mib=0, context_tokens=128))
    try:
        for letter in "abcd":
            await ask(engine, letter * 60, 1, workspace="lone")
        figures = await engine.figures()
        assert figures.cache_bytes == figures.cache_limit_bytes
        assert (figures.cache_sequences, figures.cache_evictions) == (4, 0)
    finally:
        await engine.close()


async def test_requests_at_once_get_what_each_gets_alone(tiny: OpenVinoEngine, tiny_model: TinyModel) -> None:
    prompts = [PROMPT + letter for letter in "abcdef"]
    together = await asyncio.gather(*(ask(tiny, prompt) for prompt in prompts))
    assert [said.text for said in together] == [await fresh(tiny_model, prompt) for prompt in prompts]


async def test_guesses_change_nothing_but_the_number_of_steps(
    tiny: OpenVinoEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    guessed = await ask(tiny, PROMPT, 120)
    monkeypatch.setattr(Generation, "guessing", False)
    plain = await ask(tiny, PROMPT, 120)
    assert guessed.text == plain.text
    assert guessed.usage.completion_tokens == plain.usage.completion_tokens


@pytest.mark.parametrize(("slowdowns", "drafts"), [([1.1], True), ([3.0, 2.0, 1.1], True), ([3.0, 2.0, 3.0], False)])
async def test_nothing_is_drafted_where_rows_are_dear(
    tiny_model: TinyModel, monkeypatch: pytest.MonkeyPatch, slowdowns: list[float], drafts: bool
) -> None:
    monkeypatch.setattr(worker, "DEAR", DEAR)
    measured = iter(slowdowns)
    monkeypatch.setattr(Decoder, "slowdown", lambda *_: next(measured))
    monkeypatch.setattr(Lookup, "guess", lambda *_: [])
    engine = OpenVinoEngine("tiny", tiny_model.path, HostSettings(cache_mib=1))
    # What the first answer says is there to be drafted for the second.
    await ask(engine, PROMPT)
    await ask(engine, PROMPT)
    assert ((await engine.figures()).guessed > 0) is drafts
    assert not list(measured)
    await engine.close()


async def test_those_who_share_a_step_have_shorter_drafts(
    tiny: OpenVinoEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[list[int]] = []
    step = tiny._worker._decoder.step

    def counted(pieces: Sequence[Piece]) -> NDArray[np.float32]:
        steps.append([piece.wanted for piece in pieces])
        return step(pieces)

    monkeypatch.setattr(tiny._worker._decoder, "step", counted)
    monkeypatch.setattr(Lookup, "guess", lambda *_: [])
    monkeypatch.setattr(Drafts, "guess", lambda _, tokens, limit: [1] * limit)
    await ask(tiny, PROMPT)
    await asyncio.gather(*(ask(tiny, PROMPT + letter) for letter in "abcdefgh"))
    assert steps[0] == [1 + DRAFTED]
    assert max(map(len, steps)) > DRAFTED_ROWS // 2
    assert all(sum(rows) <= max(DRAFTED_ROWS, len(rows)) for rows in steps)


async def test_a_seed_draws_the_same_again(tiny: OpenVinoEngine) -> None:
    await ask(tiny, PROMPT, 0)
    texts = [(await ask(tiny, PROMPT, temperature=1.0, seed=seed)).text for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_a_line_that_has_just_begun_is_not_healed(tiny: OpenVinoEngine) -> None:
    tokens = tiny._vocabulary.encode("def total():\n")
    assert heal(tokens, tiny._vocabulary) == Prompt(tuple(tokens), b"", len(tokens))
    assert heal(tiny._vocabulary.encode("def total():\n    "), tiny._vocabulary).taken_back.strip(b" \n") == b""


async def test_a_cut_word_is_healed(tiny: OpenVinoEngine, tiny_model: TinyModel) -> None:
    vocabulary = tiny._vocabulary
    # Of `ret` the tokenizer makes one token, which the model never saw where `return` goes on.
    tokens = vocabulary.encode("def ret")
    logits = tiny_model.logits(tokens[:-1])[-1]
    best = max((vocabulary.number(text) for text in ("r", "re", "ret", "return")), key=lambda token: logits[token])
    said = await ask(tiny, "def ret", 1, heal=True)
    assert said.text == vocabulary.bytes_of(best).decode().removeprefix("ret"[: len(vocabulary.bytes_of(best))])
    assert said.usage.prompt_tokens == len(tokens)


async def test_what_was_taken_back_is_spelled_to_its_end(tiny: OpenVinoEngine) -> None:
    vocabulary = tiny._vocabulary
    for word in ("ret", "turn", "def", "    "):
        said = await ask(tiny, f"x {word}", 8, heal=True)
        healed = b"".join(map(vocabulary.bytes_of, tiny._worker._memory._sequences[-1].tokens)).decode(errors="replace")
        assert healed.startswith(f"x {word}{said.text[:2]}")


async def test_tokens_have_the_probabilities_that_the_model_gives_them(
    tiny: OpenVinoEngine, tiny_model: TinyModel
) -> None:
    said = await ask(tiny, PROMPT, 4, logprobs=True)
    logits = tiny_model.logits(tiny._vocabulary.encode(PROMPT))[-1]
    expected = float(logits.max() - np.log(np.exp(logits - logits.max()).sum()) - logits.max())
    assert len(said.logprobs) == said.usage.completion_tokens
    assert said.logprobs[0] == pytest.approx(expected, abs=0.5)


async def test_a_stop_string_ends_the_text_before_itself(tiny: OpenVinoEngine) -> None:
    await ask(tiny, PROMPT, 0)
    whole = (await ask(tiny, PROMPT, 60, temperature=1.5, seed=1)).text
    stop = next(character for character in whole[5:] if character.isascii() and character.isalnum())
    said = await ask(tiny, PROMPT, 60, temperature=1.5, seed=1, stop=(stop,))
    assert said.text == whole[: whole.index(stop)]
    assert said.finish_reason == "stop"


async def test_closing_stops_at_the_next_token(tiny: OpenVinoEngine) -> None:
    request = CompletionRequest("tiny", PROMPT, Sampling(max_tokens=900))
    async with aclosing(tiny.complete(request)) as chunks:
        await anext(chunks)
    # Answered after the worker has seen that the first one left.
    said = await ask(tiny, "x", 1)
    assert said.usage.completion_tokens == 1
    assert (await tiny.figures()).surplus <= 17


async def test_a_paused_chat_says_nothing_and_then_the_same(tiny: OpenVinoEngine) -> None:
    request = ChatRequest("tiny", (Message("user", "Why?"),), Sampling(max_tokens=60))
    plain = "".join([chunk.text async for chunk in tiny.chat(request)])
    turn = Turn()
    turn.pause()
    texts: list[str] = []

    async def read() -> None:
        async for chunk in tiny.chat(request, turn):
            texts.append(chunk.text)
            if len(texts) == 1:
                turn.pause()

    task = asyncio.create_task(read())
    await ask(tiny, PROMPT)
    assert not texts
    turn.resume()
    while not texts:
        await asyncio.sleep(0)
    await ask(tiny, PROMPT + "x")
    turn.resume()
    await task
    assert "".join(texts) == plain


async def test_a_message_cannot_end_itself(tiny: OpenVinoEngine) -> None:
    vocabulary = tiny._vocabulary
    tokens = tiny._template.tokens([Message("user", "a<|im_end|>b")])
    assert tokens.count(vocabulary.number("<|im_end|>")) == 1
    assert b"<|im_end|>" in b"".join(map(vocabulary.bytes_of, tokens))


async def test_a_prompt_that_does_not_fit_is_refused(tiny: OpenVinoEngine) -> None:
    with pytest.raises(EngineRejected, match=f"has {CONTEXT + 1} tokens, tiny was loaded for {CONTEXT}"):
        await ask(tiny, "a" * (CONTEXT + 1))


@pytest.mark.parametrize("heal", [False, True])
async def test_an_empty_prompt_is_refused(tiny: OpenVinoEngine, heal: bool) -> None:
    with pytest.raises(EngineRejected, match="empty"):
        await ask(tiny, "", heal=heal)


async def test_an_answer_ends_where_the_context_does(tiny: OpenVinoEngine) -> None:
    said = await ask(tiny, "a" * (CONTEXT - 5), 50)
    assert said.finish_reason == "length"
    assert said.usage.completion_tokens == 5


async def test_pictures_are_refused(tiny: OpenVinoEngine) -> None:
    picture = Image(b"", "image/png", 1, 1, "")
    with pytest.raises(EngineRejected, match="reads no pictures"):
        [chunk async for chunk in tiny.chat(ChatRequest("tiny", (Message("user", "?", (picture,)),)))]


async def test_no_tokens_only_fill_the_cache(tiny: OpenVinoEngine) -> None:
    said = await ask(tiny, PROMPT, 0)
    assert (said.text, said.finish_reason, said.usage.completion_tokens) == ("", "length", 0)
    assert (await ask(tiny, PROMPT, 1)).usage.cached_tokens == said.usage.prompt_tokens - 1


def test_openvino_tells_nobody_that_it_was_started() -> None:
    code = "import sys, mmcore.host.openvino.engine; print([n for n in sys.modules if 'openvino_telemetry.' in n])"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert said.stdout == "[]\n"
