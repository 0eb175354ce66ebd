"""URLs and addresses that the guarded client must not follow. Nothing leaves the machine, whatever fails."""

import pytest

from limner.errors import InvalidRequest
from limner.outbound import Outbound, is_public, show_url

OPEN = "127.0.0.77"
"""Stands for a public address. Nobody listens there, so what is let through to it `cannot be reached`."""
KNOWN = {
    "localhost": ["127.0.0.1", "::1"],
    "x.localhost": ["127.0.0.1"],
    "inside": ["10.1.2.3"],
    "metadata.google.internal": ["169.254.169.254"],
    "mixed.example": [OPEN, "10.0.0.7"],
    "both.example": ["2606:4700::1111", "fd00::1"],
    "mapped.example": ["::ffff:8.8.8.8"],
    "inside.example": ["10.0.0.1"],
}


async def look_up(host: str, port: int) -> list[str]:
    """A resolver of made-up names."""
    if host not in KNOWN:
        raise OSError("unknown host")
    return KNOWN[host]


async def refuse(client: Outbound, url: str) -> str:
    """What the refusal of a URL says."""
    with pytest.raises(InvalidRequest) as refusal:
        await client.fetch(url, max_bytes=1_000, field="input_image")
    assert refusal.value.field == "input_image"
    assert refusal.value.message.startswith("input_image: ")
    return refusal.value.message


INSIDE = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.0.0.53",
    "127.255.255.254", "168.63.129.16", "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255",
    "192.0.0.1", "192.0.0.8", "192.0.0.170", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1",
    "198.19.255.255", "198.51.100.1", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:10.0.0.1", "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1",
    "2001:0:7f00:1::", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:a00:1::1",
    "3fff::1", "5f00::1", "fc00::1", "fd00::1", "fd00:ec2::254", "fd20:ce::254", "fe80::1", "fe80::1%eth0",
    "fe80::1%25lo", "2606:4700::1%eth0", "fec0::1", "ff02::1", "ff0e::1", "4000::1", "nonsense", "1.2.3",
    "1.2.3.4.5",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_that_is_not_public_is_known_as_such(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00::1"])
def test_a_public_address_is_known_as_such(address: str) -> None:
    assert is_public(address)


HOSTILE = [
    # Loopback and its neighbours, in every spelling that some resolver understands.
    "http://127.0.0.1/", "http://127.1/", "http://127.0.1/", "http://0/", "http://0.0.0.0/", "http://2130706433/",
    "http://017700000001/", "http://0177.0.0.1/", "http://0x7f000001/", "http://0x7f.1/", "http://0x7f.0x0.0x0.0x1/",
    "http://127.0.0.0x1/", "http://00000177.0.0.1/", "http://4294967297/", "http://256.256.256.256/", "http://0x/",
    "http://127.0.0.1./", "http://127.0.0.1../", "http://1.0.0.127.in-addr.arpa.1/", "http://127。0。0。1/",
    "http://①②⑦.⓪.⓪.①/", "http://１２７.０.０.１/", "http://127%2e0%2e0%2e1/", "http://%31%32%37.0.0.1/",
    "http://localhost/", "http://LOCALHOST/", "http://localhost./", "http://x.localhost/", "http://ⓛocalhost/",
    "http://[::1]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::]/", "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/", "http://[::127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/",
    "http://[2001:0:7f00:1::]/", "http://[fe80::1]/", "http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/",
    "http://[fd00:ec2::254]/", "http://[::1/", "http://::1/", "http://[127.0.0.1]/", "http://[]/", "http://[v1.a]/",
    # Metadata services and other neighbours.
    "http://169.254.169.254/latest/meta-data/", "http://2852039166/", "http://0xa9fea9fe/", "http://100.100.100.200/",
    "http://metadata.google.internal/", "http://168.63.129.16/", "http://10.0.0.1/", "http://192.168.1.1/",
    "http://172.16.0.1/", "http://198.18.0.1/", "http://224.0.0.1/", "http://255.255.255.255/", "http://inside/",
    "http://mixed.example/", "http://both.example/", "http://mapped.example/", "http://unknown.example/",
    # Other schemes, and what is no URL.
    "ftp://127.0.0.77/", "file:///etc/passwd", "file://localhost/etc/passwd", "gopher://127.0.0.77:80/_x",
    "dict://x:80/", "ws://127.0.0.77/", "unix:///run/x.sock", "http+unix://%2frun%2fx/", "javascript:alert(1)",
    "jar:http://x!/", "//x/", "http:", "http:/", "http://", "http:///x", "http:127.0.0.77/", "https:/127.0.0.77/",
    "://127.0.0.77/", "127.0.0.77", "", "x",
    # Ports.
    "http://127.0.0.77:22/", "http://127.0.0.77:0/", "http://127.0.0.77:8080/", "https://127.0.0.77:6379/",
    "http://127.0.0.77:-1/", "http://127.0.0.77:99999/", "http://127.0.0.77:8o/", "http://127.0.0.77:80:80/",
    "http://127.0.0.77:٢٢/",
    # User names, and characters that two parsers may read in two ways.
    "http://user@127.0.0.77/", "http://user:secret@127.0.0.77/", "http://127.0.0.77@127.0.0.1/",
    "http://127.0.0.77:80@127.0.0.1/", "http://a@b@127.0.0.1/", "http://127.0.0.1\\@127.0.0.77/",
    "http://127.0.0.77\\@127.0.0.1/", "http:\\\\127.0.0.1\\", "http://127.0.0.1#@127.0.0.77/",
    "http://127.0.0.1?@127.0.0.77/", "http://127.0.0.1;@127.0.0.77/", "http://:secret@127.0.0.77/",
    "http://127.0.0.77/\r\nHost: inside", "http://127.0.0.77/\nx", "http://127.0.0.77/ x", "http://127.0.0.77\t/",
    " http://127.0.0.77/", "http://127.0.0.77/\0", "http://127.0.0.77/\u2028", "http://127.0.0.77/\ud800",
    "http://127.0.0.77\u200b/", "http://127.0.0.77\xa0/",
    # Host names that are none.
    "http://-a.example/", "http://a..example/", "http://.example/", "http://a_/../b/",
    "http://" + "a" * 64 + ".example/", "http://" + "a." * 127 + "example/", "http://xn--/", "http://a*b.example/",
    "http://\u202eexample/", "http://ex ample/", "http://127.0.0.77/" + "x" * 8_000, "http://$(id).example/",
    "http://a%00b.example/", "http://a,b/", "http://a|b/",
]  # fmt: skip


@pytest.mark.parametrize("url", HOSTILE, ids=lambda url: ascii(url[:50]))
async def test_a_hostile_url_is_refused_before_anything_is_sent(url: str) -> None:
    said = await refuse(Outbound(look_up, exempt=[(OPEN, 80), (OPEN, 443)]), url)
    assert "cannot be reached" not in said
    assert "secret" not in said
    assert len(said) < 500


async def test_what_is_let_through_would_show() -> None:
    assert "cannot be reached" in await refuse(Outbound(look_up, exempt=[(OPEN, 80)]), f"http://{OPEN}/")


@pytest.mark.parametrize("name", ["localhost", "localhost.", "LocalHost"])
async def test_the_system_s_own_names_for_this_machine_are_refused(name: str) -> None:
    assert "not on the public internet" in await refuse(Outbound(), f"http://{name}/")


async def test_an_unknown_host_sounds_like_one_inside() -> None:
    said = {await refuse(Outbound(look_up), f"http://{name}.example/") for name in ("inside", "nobody")}
    assert {text.replace("inside", "nobody") for text in said} == {
        "input_image: http://nobody.example/ is unknown, or not on the public internet"
    }


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@a.example:8/b?c=d#e", "https://a.example:8/b"),
        ("https://a.example#x@y?z", "https://a.example"),
        ("u:p@a.example/b@c", "a.example/b@c"),
        ("http://u@v@[::1/x", "http://[::1/x"),
        ("https://a.example/" + "x" * 999, "https://a.example/" + "x" * 282),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert show_url(url) == shown
