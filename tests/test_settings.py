"""Settings that depend on one another; what each one is for is in docs/reference/settings.md."""

import pytest

from limner.errors import InvalidRequest
from limner.settings import Settings


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FETCH", "FETCH_HOSTS", "HOST", "PUBLIC_URL"):
        monkeypatch.delenv(f"LIMNER_{name}", raising=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "::1", "localhost"])
def test_a_server_of_one_s_own_fetches_from_the_public_internet(host: str) -> None:
    assert Settings(host=host).fetch_rule == "public"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "127.example.org", "localhost.example.org", ""])
def test_a_server_that_a_network_reaches_fetches_nothing_unasked(host: str) -> None:
    assert Settings(host=host).fetch_rule == "off"
    assert Settings(host=host, fetch="public").fetch_rule == "public"


def test_behind_a_proxy_loopback_is_a_network_too() -> None:
    assert Settings(public_url="https://img.example.org").fetch_rule == "off"


def test_an_allow_list_names_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMNER_FETCH", "allow-list")
    monkeypatch.setenv("LIMNER_FETCH_HOSTS", " Pictures.Example.org , cdn.example.org., ")
    assert Settings.read().fetch_hosts == ("pictures.example.org", "cdn.example.org")


@pytest.mark.parametrize(
    ("fetch", "hosts", "says"),
    [
        ("allow-list", "", "needed with LIMNER_FETCH=allow-list"),
        ("public", "a.example", "only then"),
        (None, "a.example", "only then"),
        ("allow-list", "https://a.example", "not a host's name"),
        ("allow-list", "a.example:80", "not a host's name"),
        ("allow-list", "*.example", "not a host's name"),
        ("allow-list", "10.0.0.0/8", "not a host's name"),
        ("on", "", "'off', 'allow-list' or 'public'"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, fetch: str | None, hosts: str, says: str
) -> None:
    if fetch is not None:
        monkeypatch.setenv("LIMNER_FETCH", fetch)
    if hosts:
        monkeypatch.setenv("LIMNER_FETCH_HOSTS", hosts)
    with pytest.raises(InvalidRequest, match="LIMNER_FETCH") as refusal:
        Settings.read()
    assert says in refusal.value.message
