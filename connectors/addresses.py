"""Which network addresses a source may live on. Pure: names are resolved elsewhere, the verdict is here.

A source's address comes from configuration, and its name from a DNS server that may be somebody else's: either can be
pointed at our own loopback, at the city's intranet or at a cloud's metadata service (SSRF). Does not cover proxies or
network address translation beyond us.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from connectors.errors import BadConfiguration

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

METADATA = frozenset(
    map(ip_address, ("169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"))
)
"""Where clouds hand machine credentials to anyone who asks: AWS and others, Alibaba, Azure, Oracle, AWS on IPv6."""

_NAT64 = ip_network("64:ff9b::/96")


def parse_networks(blocks: Iterable[str]) -> tuple[Network, ...]:
    """The CIDR blocks as networks; raises `BadConfiguration` naming the one that is none."""
    networks = []
    for block in blocks:
        try:
            networks.append(ip_network(block, strict=False))
        except ValueError:
            raise BadConfiguration(
                f"allowed_networks: {block!r} is not a CIDR block like 10.0.0.0/8"
            ) from None
    return tuple(networks)


def may_connect(address: str, *, allow_private: bool, allowed: Iterable[Network]) -> bool:
    """Whether a source may be asked at that IP address.

    A public one always; one in `allowed` always; loopback and private ones with `allow_private`. Link-local,
    multicast, reserved, unspecified and metadata addresses only when `allowed` names them.
    """
    ip = _innermost(ip_address(address.strip("[]").partition("%")[0]))
    if any(ip in network for network in allowed if network.version == ip.version):
        return True
    if ip in METADATA or ip.is_link_local or ip.is_multicast or ip.is_unspecified:
        return False
    if isinstance(ip, IPv4Address) and ip.is_reserved:  # of IPv6, even loopback counts as reserved
        return False
    if ip.is_loopback or ip.is_private:
        return allow_private
    return ip.is_global or allow_private


def is_address(host: str) -> bool:
    """Whether a URL's host is an IP address, not a name."""
    try:
        ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    return True


def address_refusal(key: str, address: str) -> str:
    """Why a configuration is refused whose `key` names an address that no source may live on, and what to do."""
    return (
        f"{key}: {address} is not an address sources may live on. Allow its network in `allowed_networks`, "
        "or set `allow_private_addresses` in development"
    )


def _innermost(ip: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for (mapped, 6to4, NAT64), else itself."""
    if isinstance(ip, IPv4Address):
        return ip
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip
