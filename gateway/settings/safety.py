"""What may not be set outside development, each as a sentence that says why and what to set instead.

A service that starts with a development secret and is found out later has already released values under it; so it
does not start. The list covers what settings can show; whether the proxy really ends TLS it cannot see.
"""

import stat
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path

from gateway.errors import UnsafeSettings
from gateway.settings.model import DEVELOPMENT_ISSUER, Settings


def require_safe(settings: Settings) -> None:
    """Return when the service may start; raises `UnsafeSettings` otherwise. Development may always start."""
    sentences = unsafe_settings(settings)
    if sentences and not settings.is_development:
        raise UnsafeSettings(sentences)


def unsafe_settings(settings: Settings) -> tuple[str, ...]:
    """One sentence per setting that production must not have; looks at the permissions of the files named."""
    return (
        *_unsafe_callers(settings),
        *_unsafe_serving(settings),
        *_unsafe_sources(settings),
        *_unsafe_files(settings),
    )


def is_private(path: Path) -> bool:
    """Whether nobody but the owner can read or write the file."""
    return not stat.S_IMODE(path.stat().st_mode) & 0o077


def _unsafe_callers(settings: Settings) -> Iterator[str]:
    if settings.client_secret_basic:
        yield "client_secret_basic is on: a shared secret can be copied. Set it to false and register keys."
    if settings.issuer == DEVELOPMENT_ISSUER:
        yield "issuer has its development default: tokens of two installations would look alike. Set your own."
    if not settings.metrics_role_required:
        yield "metrics_role_required is off: anybody can read which sources are asked. Set it to true."


def _unsafe_serving(settings: Settings) -> Iterator[str]:
    if not _is_loopback(settings.host) and not settings.behind_tls_proxy:
        yield (
            f"host {settings.host} listens beyond this machine without TLS. Put a proxy with TLS in front and set "
            "behind_tls_proxy to true, or listen on 127.0.0.1."
        )
    if not settings.public_url.startswith("https://"):
        yield "public_url is not https: tokens and consents would travel in clear. Set the https address."
    if settings.is_sqlite and settings.workers > 1:
        yield f"workers is {settings.workers} on SQLite, which one process may write. Use PostgreSQL or 1 worker."
    if settings.cache_url is None and settings.workers > 1:
        yield (
            f"workers is {settings.workers} without cache_url: a client assertion could be replayed once per worker. "
            "Set cache_url or 1 worker."
        )


def _unsafe_sources(settings: Settings) -> Iterator[str]:
    if settings.allow_private_addresses:
        yield (
            "allow_private_addresses is on: a source's address could point into this network. "
            "Set it to false and name the networks in allowed_networks."
        )
    if any(ip_network(network).prefixlen == 0 for network in settings.allowed_networks):
        yield "allowed_networks holds the whole internet. Name the networks that sources really live on."


def _unsafe_files(settings: Settings) -> Iterator[str]:
    if not settings.root_key_file.exists():
        yield (
            f"root_key_file {settings.root_key_file} does not exist, so it would be generated. "
            "Run `oncegate keys rotate` once, keep a copy apart from the database, then start."
        )
    for name in ("root_key_file", "secrets_file", "places_file"):
        path: Path | None = getattr(settings, name)
        if path is not None and path.exists() and not is_private(path):
            yield f"{name} {path} can be read by others. Run: chmod 600 {path}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
