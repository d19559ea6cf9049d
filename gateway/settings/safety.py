"""What may not be set outside development, each as a sentence that says why and what to set instead.

A service that starts with a development secret and is found out later has already released values under it; so it
does not start. The list covers what settings can show; whether the proxy really ends TLS it cannot see.
"""

import stat
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from connectors.addresses import METADATA, Network
from gateway.errors import UnsafeSettings
from gateway.settings.model import DEVELOPMENT_ISSUER, Settings

_WIDEST = {4: 8, 6: 16}
"""Least length of the prefix of an allowed network, by version of the protocol."""
_WIDEST_PROXY = {4: 24, 6: 64}
"""Least length of the prefix of a network whose every address is believed about certificates."""
_LINK_LOCAL = (ip_network("169.254.0.0/16"), ip_network("fe80::/10"))
_TLS_MODES = frozenset({"require", "verify-ca", "verify-full"})


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
        *_unsafe_stores(settings),
        *_unsafe_sources(settings),
        *_unsafe_files(settings),
    )


def weak_settings(settings: Settings) -> tuple[str, ...]:
    """One sentence per setting that may stand but is weaker than it could be; for readiness."""
    if settings.person_oidc_issuer is None:
        return (
            "Whoever is sent a link shows who they are by four characters that its sender knows too. "
            "Set person_oidc_issuer.",
        )
    return ()


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
    yield from _unsafe_certificates(settings)
    if settings.oidc_issuer is not None and not settings.oidc_issuer.startswith("https://"):
        yield "oidc_issuer is not https: anybody on the way could log in as an operator. Set its https address."
    if settings.person_oidc_issuer is not None and not settings.person_oidc_issuer.startswith("https://"):
        yield "person_oidc_issuer is not https: anybody on the way could agree for others. Set its https address."


def _unsafe_certificates(settings: Settings) -> Iterator[str]:
    if settings.client_certificate_header is None:
        return
    if not settings.behind_tls_proxy:
        yield (
            "client_certificate_header is set without behind_tls_proxy: callers would write their certificates "
            "themselves. Put the proxy in front and set behind_tls_proxy to true, or unset the header."
        )
    if not settings.trusted_proxies:
        yield (
            "client_certificate_header is set without trusted_proxies, so no certificate is ever believed. "
            "Name the proxy's address."
        )
    for network in map(ip_network, settings.trusted_proxies):
        if network.prefixlen < _WIDEST_PROXY[network.version]:
            yield (
                f"trusted_proxies holds {network}, wider than /{_WIDEST_PROXY[network.version]}: whoever is in there "
                "could claim any certificate. Name the proxies themselves."
            )


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
            f"workers is {settings.workers} without cache_url: limits per caller would count for each worker alone, "
            "and every DPoP proof would be a write to the database. Set cache_url or 1 worker."
        )


def _unsafe_stores(settings: Settings) -> Iterator[str]:
    if not settings.is_sqlite and not _is_encrypted(settings.database_url):
        yield (
            "database_url reaches another machine without insisting on TLS. "
            "Add ?sslmode=verify-full and sslrootcert (at least sslmode=require)."
        )
    cache_url = settings.cache_url or ""
    if cache_url.startswith("redis://") and not _is_local(cache_url):
        yield "cache_url reaches another machine without TLS. Write rediss://, or use a socket (unix://)."


def _unsafe_sources(settings: Settings) -> Iterator[str]:
    if settings.allow_private_addresses:
        yield (
            "allow_private_addresses is on: a source's address could point into this network. "
            "Set it to false and name the networks in allowed_networks."
        )
    for network in map(ip_network, settings.allowed_networks):
        widest = _WIDEST[network.version]
        if network.prefixlen < widest:
            yield (
                f"allowed_networks holds {network}, which is wider than /{widest}. "
                "Name the networks that sources really live on."
            )
        elif _reaches_metadata(network):
            yield (
                f"allowed_networks holds {network}, where clouds hand out credentials or hosts talk to themselves. "
                "Name the one host that is meant, if it is."
            )


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


def _reaches_metadata(network: Network) -> bool:
    if network.num_addresses == 1:
        return False
    local = any(network.overlaps(block) for block in _LINK_LOCAL if block.version == network.version)
    return local or any(address in network for address in METADATA)


def _is_encrypted(database_url: str) -> bool:
    modes = _parameters(database_url).get("sslmode", ["prefer"])
    return _TLS_MODES.issuperset(modes) or _is_local(database_url)


def _is_local(url: str) -> bool:
    """Whether every host a URL names, in its parameters too, is this machine; a path is a socket."""
    parameters = _parameters(url)
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:  # brackets that belong to no address
        return False
    named = ",".join([host, *parameters.get("host", ()), *parameters.get("hostaddr", ())])
    return all(each.startswith("/") or _is_loopback(each) for each in named.split(",") if each)


def _parameters(url: str) -> dict[str, list[str]]:
    return parse_qs(url.partition("?")[2])


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
