"""What every engine promises to those who want tokens."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from mmcore.engine.base import ChatRequest, CompletionRequest, Sampling
from mmcore.errors import EngineRejected
from mmcore.types import Chunk, Message
from tests.contract.conftest import Subject
from tests.contract.hosting import within

COUNTING = "one two three four five six seven eight nine"


def completion(
    subject: Subject, prompt: str = COUNTING, logprobs: bool = False, **sampling: object
) -> CompletionRequest:
    return CompletionRequest(subject.model, prompt, Sampling(**{"max_tokens": 12, **sampling}), logprobs)


def chat(subject: Subject, text: str, **sampling: object) -> ChatRequest:
    messages = (Message("system", "You are brief."), Message("user", text))
    return ChatRequest(subject.model, messages, Sampling(**{"max_tokens": 24, **sampling}))


async def collect(subject: Subject, request: CompletionRequest | ChatRequest) -> list[Chunk]:
    ask = subject.engine.complete if isinstance(request, CompletionRequest) else subject.engine.chat
    return [chunk async for chunk in ask(request)]


def text_of(chunks: list[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


async def test_the_last_chunk_has_the_reason_and_the_usage_and_none_before_it_a_reason(subject: Subject) -> None:
    for request in (completion(subject), chat(subject, "Name a colour.")):
        *pieces, last = await collect(subject, request)
        assert text_of(pieces)
        assert all(piece.finish_reason is None for piece in pieces)
        counts = [piece.usage.completion_tokens for piece in pieces if piece.usage is not None]
        assert counts == sorted(counts)
        assert last.finish_reason in ("stop", "length")
        assert last.usage is not None


async def test_greedy_answers_are_the_same_twice(subject: Subject) -> None:
    first = await collect(subject, completion(subject))
    assert text_of(first) == text_of(await collect(subject, completion(subject)))


async def test_text_ends_before_a_stop_string_even_if_it_spans_tokens(subject: Subject) -> None:
    text = text_of(await collect(subject, completion(subject)))
    middle = len(text) // 2
    stop = text[middle - 2 : middle + 3]
    chunks = await collect(subject, completion(subject, stop=("never said", stop)))
    assert text_of(chunks) == text.partition(stop)[0]
    assert chunks[-1].finish_reason == "stop"


async def test_an_answer_cut_by_its_limit_says_so_and_counts_its_tokens(subject: Subject) -> None:
    chunks = await collect(subject, completion(subject, max_tokens=3))
    assert chunks[-1].finish_reason == "length"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 3


async def test_a_prompt_that_grows_is_computed_only_where_it_grew(subject: Subject) -> None:
    prompt = "The quick brown fox jumps over the lazy dog and then it goes on and on. " * 8
    await collect(subject, completion(subject, prompt))
    usage = (await collect(subject, completion(subject, prompt + "And on")))[-1].usage
    assert usage is not None
    assert usage.prompt_tokens > 100
    assert usage.prompt_tokens - 8 - subject.cache_step < usage.cached_tokens < usage.prompt_tokens


async def test_the_next_keystroke_finds_the_prompt_of_the_request_that_it_closed(subject: Subject) -> None:
    prompt = "The lazy dog sleeps and the quick brown fox jumps over it again and again. " * 8
    for typed in ("A", "And", "And s", "And so"):
        async with aclosing(subject.engine.complete(completion(subject, prompt + typed, max_tokens=200))) as chunks:
            await anext(chunks)
        if subject.any_name:
            # A bare llama.cpp gives a request another slot, without the cache, while it still ends the closed one.
            assert await asyncio.to_thread(within, subject.idle)
    usage = (await collect(subject, completion(subject, prompt + "And so on")))[-1].usage
    assert usage is not None
    assert usage.prompt_tokens - 8 - subject.cache_step < usage.cached_tokens < usage.prompt_tokens


async def test_each_token_has_a_log_probability_where_it_was_asked_for(subject: Subject) -> None:
    chunks = await collect(subject, completion(subject, logprobs=True, max_tokens=5))
    numbers = [number for chunk in chunks for number in chunk.logprobs]
    assert len(numbers) == 5
    assert all(number <= 0 for number in numbers)
    assert not any(chunk.logprobs for chunk in await collect(subject, completion(subject)))


async def test_characters_of_several_tokens_come_whole(subject: Subject) -> None:
    chunks = await collect(subject, chat(subject, "请用中文和一个表情符号回答：你好吗？", max_tokens=32))
    text = text_of(chunks)
    assert "\ufffd" not in text
    assert not subject.speaks or any("\u4e00" <= character <= "\u9fff" for character in text)


async def test_closing_the_stream_stops_the_engine(subject: Subject) -> None:
    before = subject.surplus()
    for request in (
        completion(subject, "A song without end:", max_tokens=1500),
        chat(subject, "Sing without end.", max_tokens=1500),
    ):
        ask = subject.engine.complete if isinstance(request, CompletionRequest) else subject.engine.chat
        async with aclosing(ask(request)) as chunks:
            await anext(chunks)
            await anext(chunks)
        assert await asyncio.to_thread(within, subject.idle)
    # Of each at most the token in the making and the one begun before the news got through.
    assert await asyncio.to_thread(subject.surplus) - before <= 4


async def test_cancelling_the_reader_stops_the_engine(subject: Subject) -> None:
    begun = asyncio.Event()

    async def read() -> None:
        async for _ in subject.engine.complete(completion(subject, "A song without end:", max_tokens=1500)):
            begun.set()

    reader = asyncio.create_task(read())
    await begun.wait()
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert await asyncio.to_thread(within, subject.idle)


async def test_two_requests_at_once_are_both_answered_as_each_alone(subject: Subject) -> None:
    requests = (completion(subject), completion(subject, "a b c d e f g h i j"))
    alone = [text_of(await collect(subject, request)) for request in requests]
    together = await asyncio.gather(*(collect(subject, request) for request in requests))
    assert [text_of(chunks) for chunks in together] == alone


async def test_an_unknown_model_is_refused_by_its_name(subject: Subject) -> None:
    request = CompletionRequest("no-such-model", COUNTING, Sampling(max_tokens=1))
    if subject.any_name:
        assert text_of(await collect(subject, request))
        return
    with pytest.raises(EngineRejected, match="no-such-model"):
        await collect(subject, request)


async def test_a_prompt_longer_than_the_context_is_refused_with_the_limit(subject: Subject) -> None:
    with pytest.raises(EngineRejected, match=str(subject.context_tokens)):
        await collect(subject, completion(subject, "one two three four " * (subject.context_tokens // 3)))


async def test_the_model_is_among_those_that_are_listed(subject: Subject) -> None:
    models = await subject.engine.models()
    assert len(models) == 1 if subject.any_name else subject.model in models
