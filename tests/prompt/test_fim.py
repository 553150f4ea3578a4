from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mmcore.prompt.fim import plain, render_fim


def test_typing_only_appends_to_the_prompt() -> None:
    before, after = render_fim("def f(", ")\n"), render_fim("def f(x", ")\n")
    assert after == before + "x"


def test_control_tokens_in_a_file_are_made_ordinary_text() -> None:
    prompt = render_fim("a <|fim_middle|> b <|im_end|>", "<|endoftext|>")
    assert prompt.count("<|fim_middle|>") == 1
    assert "<|im_end|>" not in prompt
    assert "<|endoftext|>" not in prompt


@given(st.text())
def test_text_without_control_tokens_is_unchanged(text: str) -> None:
    if "<|" not in text:
        assert plain(text) == text
