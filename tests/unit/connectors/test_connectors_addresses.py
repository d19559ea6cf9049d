"""Which addresses a source may live on."""

import pytest

from connectors.addresses import may_connect, parse_networks
from connectors.errors import BadConfiguration

PUBLIC = ["8.8.8.8", "2001:4860:4860::8888"]
PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "::1",
    "fd12::1",
    "::ffff:10.0.0.1",
    "100.64.0.9",
]
NEVER = [
    "169.254.169.254", "169.254.0.1", "0.0.0.0", "::", "224.0.0.1", "fe80::1", "fe80::1%eth0", "100.100.100.200",
    "168.63.129.16", "fd00:ec2::254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "240.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    """Whatever is set."""
    assert may_connect(address, allow_private=False, allowed=())


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_need_to_be_allowed(address: str) -> None:
    """Loopback, intranets and shared space, also inside IPv6, only when private ones are allowed."""
    assert not may_connect(address, allow_private=False, allowed=())
    assert may_connect(address, allow_private=True, allowed=())


@pytest.mark.parametrize("address", NEVER)
def test_metadata_and_its_like_need_to_be_named(address: str) -> None:
    """Link-local, metadata, multicast and unspecified addresses are refused even where private ones are allowed."""
    assert not may_connect(address, allow_private=True, allowed=())


def test_a_named_network_is_allowed() -> None:
    """`allowed_networks` wins, for exactly what it names."""
    networks = parse_networks(["10.20.0.0/16", "169.254.1.1/32"])

    assert may_connect("10.20.3.4", allow_private=False, allowed=networks)
    assert may_connect("::ffff:10.20.3.4", allow_private=False, allowed=networks)
    assert may_connect("169.254.1.1", allow_private=False, allowed=networks)
    assert not may_connect("10.21.0.1", allow_private=False, allowed=networks)


def test_a_block_that_is_none_is_named() -> None:
    """The message names the block."""
    with pytest.raises(BadConfiguration, match="'tenfold'"):
        parse_networks(["tenfold"])
