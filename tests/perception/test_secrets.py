"""Secrets are masked wherever they stand; what only looks like one stays."""

from __future__ import annotations

import pytest

from mmcore.perception.secrets import MASK, mask, mask_reading
from mmcore.types import Line, Reading, Region

SECRETS = [
    "AKIA" + "IOSFODNN7EXAMPLE",
    "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a",
    "xoxb-" + "123456789012-abcdefGHIJKL",
    "sk-" + "proj-abcdefghijklmnop1234",
    "eyJ" + "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc_def",
    "hf_" + "abcdefghijklmnopqrstuvwx",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_known_formats_are_masked_anywhere(secret: str) -> None:
    masked, found = mask(f'key = load("{secret}") # deploy')
    assert secret not in masked
    assert MASK in masked
    assert len(found) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DB_PASSWORD=hunter2hunter", f"DB_PASSWORD={MASK}"),
        ('api_key: "0123456789abcdef"', f'api_key: "{MASK}"'),
        ("postgres://shop:s3cret@db/shop", f"postgres://shop:{MASK}@db/shop"),
        ("Authorization: Bearer abcdef0123456789abcdef", f"Authorization: Bearer {MASK}"),
    ],
)
def test_value_is_masked_and_its_name_stays(text: str, expected: str) -> None:
    assert mask(text)[0] == expected


@pytest.mark.parametrize(
    "text",
    [
        "token = os.environ['TOKEN']",
        "def reset_password(user):",
        "password: str",
        "tokens = count(text)",
        "secret=None",
    ],
)
def test_code_about_secrets_is_left_alone(text: str) -> None:
    assert mask(text) == (text, ())


def test_private_key_is_masked_even_where_the_picture_cuts_it_off() -> None:
    masked, _ = mask("-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc")
    assert masked == MASK


def test_every_part_of_a_reading_is_masked() -> None:
    secret = SECRETS[0]
    box = (0, 0, 9, 9)
    regions = (Region("code", secret, box), Region("field", "Password", box, value="hunter2!"))
    reading = Reading("form", secret, (Line(secret, box, 1.0),), (9, 9), regions=regions)
    masked, found = mask_reading(reading)
    assert secret not in repr(masked)
    assert "hunter2" not in repr(masked)
    assert found == ("AWS key",)
