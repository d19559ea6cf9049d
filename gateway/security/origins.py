"""Where log-ins come from: devices and addresses an operator is known by, and how long whoever fails has to wait.

A lock on the name would let everybody who knows it keep its owner out. So whoever fails makes the place wait that they
fail from; strangers, who may have many places, make one another wait too; and a place that an operator has logged in
from waits for nobody else. Numbers: `operator_tries` … in the settings.
"""

import secrets
from datetime import timedelta
from ipaddress import ip_address, ip_network

from gateway.records import Origin, Waits
from gateway.runtime import Runtime
from gateway.settings import Settings

_FIRST_WAIT = timedelta(seconds=30)
_MOST_DOUBLINGS = 20
_HOST_BITS_OF_ONE = 64
"""Whoever has one IPv6 address has all that begin with its first 64 bits."""


def origin_of(device: str | None, address: str, runtime: Runtime) -> Origin:
    """The place of a try: `device` as it was presented, `address` as it connected, "" where it is not known."""
    return Origin(
        None if device is None else device_key(device, runtime),
        runtime.fingerprint(f"log-in from\x1f{_network(address)}".encode()) if address else None,
    )


def new_device() -> str:
    """What an operator's device is given at a log-in, to present at the next: 256 random bits."""
    return f"dev_{secrets.token_urlsafe(32)}"


def device_key(device: str, runtime: Runtime) -> str:
    """What is kept of a device's token: enough to know it again, not to present it."""
    return runtime.fingerprint(f"log-in with\x1f{device}".encode())


def waits_of(settings: Settings) -> Waits:
    """How long nobody may try, after so many failures, by these settings."""
    return Waits(
        here=lambda tries: wait_after(tries, settings.operator_tries, settings.operator_longest_wait),
        strangers=lambda tries: wait_after(
            tries, settings.operator_stranger_tries, settings.operator_stranger_wait
        ),
    )


def wait_after(tries: int, free: int, longest: timedelta) -> timedelta:
    """Nothing before `free` failures, then half a minute that doubles with each, up to `longest`.

    >>> [wait_after(tries, 5, timedelta(minutes=15)).seconds for tries in (4, 5, 6, 20)]
    [0, 30, 60, 900]
    """
    if tries < free:
        return timedelta(0)
    doubled: timedelta = _FIRST_WAIT * 2 ** min(tries - free, _MOST_DOUBLINGS)
    return min(doubled, longest)


def _network(address: str) -> str:
    try:
        host = ip_address(address)
    except ValueError:  # a socket file, or a test's name
        return address
    host = getattr(host, "ipv4_mapped", None) or host
    return str(host if host.version == 4 else ip_network((host.packed, _HOST_BITS_OF_ONE), strict=False))
