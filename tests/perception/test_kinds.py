"""What a picture shows is guessed from its text."""

from __future__ import annotations

import pytest

from mmcore.perception.kinds import guess


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('Traceback (most recent call last):\n  File "a.py", line 1\nKeyError: 1', "traceback"),
        ("src/util.c:12:5: error: 'x' undeclared", "traceback"),
        ("==== FAILURES ====\nFAILED test_a.py::test_b - assert 1", "pytest"),
        ("dev@box:~/shop$ ls\nmain.py", "terminal"),
        ("def rows(count):\n    if count < 0:\n        raise ValueError()\n    return []", "editor"),
        ("Review orders\nPassword\nCancel", "text"),
        ("", "text"),
    ],
)
def test_kind_follows_from_the_text(text: str, kind: str) -> None:
    assert guess(text) == kind
