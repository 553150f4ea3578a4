"""Text is shown as early as it is certain, and not earlier."""

from __future__ import annotations

from mmcore.host.openvino.text import Text


def shown(text: Text, *spellings: bytes) -> list[str]:
    pieces = []
    for spelling in spellings:
        text.add(spelling)
        pieces.append(text.take()[0])
    return pieces


def test_a_split_character_waits_for_its_rest() -> None:
    assert shown(Text(()), b"a", "é".encode()[:1], "é".encode()[1:]) == ["a", "", "é"]


def test_what_may_become_a_stop_string_waits() -> None:
    text = Text(("\n\n",))
    assert shown(text, b"a\n", b"b\n", b"\n") == ["a", "\nb", ""]
    assert text.stopped


def test_what_was_held_back_in_vain_is_shown_at_the_end() -> None:
    text = Text(("END",))
    assert shown(text, b"EN") == [""]
    assert text.finish()[0] == "EN"


def test_skipped_bytes_are_not_shown() -> None:
    assert shown(Text((), skip=3), b"re", b"turn") == ["", "urn"]


def test_probabilities_come_with_the_text_of_their_tokens() -> None:
    text = Text(("xy",))
    text.add(b"a", -1.0)
    text.add(b"x", -2.0)
    assert text.take() == ("a", (-1.0,))
    text.add(b"z", -3.0)
    assert text.take() == ("xz", (-2.0, -3.0))
