"""Certificates that a proxy passes on: believed from the proxy alone, and never half read."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.security.certificates import Certificates
from gateway.security.jws import Refused
from gateway.settings import Settings

START = datetime(2026, 11, 21, tzinfo=UTC)
PROXY = "10.0.0.7"


def make_der() -> bytes:
    """A self-signed certificate."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    lasting = builder.not_valid_before(START).not_valid_after(START + timedelta(days=1))
    built = lasting.sign(key, hashes.SHA256())
    return built.public_bytes(serialization.Encoding.DER)


DER = make_der()
HEADER = f":{base64.b64encode(DER).decode()}:"


def make_certificates(**changes: object) -> Certificates:
    """Behind one proxy, unless changed."""
    given = {
        "behind_tls_proxy": True,
        "client_certificate_header": "Client-Cert",
        "trusted_proxies": [f"{PROXY}/32"],
    }
    return Certificates(Settings(**given | changes))  # type: ignore[arg-type]


def test_the_thumbprint_is_that_of_rfc_8705() -> None:
    """SHA-256 of the DER bytes, base64url without padding."""
    expected = base64.urlsafe_b64encode(hashlib.sha256(DER).digest()).rstrip(b"=").decode()

    assert make_certificates().thumbprint([HEADER], PROXY) == expected


@pytest.mark.parametrize("peer", [PROXY, f"::ffff:{PROXY}"])
def test_the_proxy_is_known_on_either_protocol(peer: str) -> None:
    """A socket that takes both names an IPv4 peer in IPv6's way."""
    assert make_certificates().thumbprint([HEADER], peer)


@pytest.mark.parametrize("peer", ["10.0.0.8", "203.0.113.9", "::1", "", "testclient", None])
def test_nobody_else_is_believed(peer: str | None) -> None:
    """Another machine, no address, a socket file: refused, with a word that says why."""
    with pytest.raises(Refused, match="certificate_untrusted"):
        make_certificates().thumbprint([HEADER], peer)


def test_without_trusted_proxies_nobody_is() -> None:
    """The header's name alone believes no one."""
    with pytest.raises(Refused, match="certificate_untrusted"):
        make_certificates(trusted_proxies=()).thumbprint([HEADER], PROXY)


@pytest.mark.parametrize("change", [{"client_certificate_header": None}, {"behind_tls_proxy": False}])
def test_without_proxy_or_name_there_are_no_certificates(change: dict[str, object]) -> None:
    """Then no header is looked for at all."""
    certificates = make_certificates(**change)

    assert certificates.header is None
    assert certificates.thumbprint([HEADER], PROXY) is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "::",
        ":AAAA:",
        HEADER[1:],
        HEADER[:-1],
        HEADER.replace(":", "::"),
        HEADER + HEADER,
        f"{HEADER};a=1",
        f":{base64.b64encode(DER[:-1]).decode()}:",
        f":{base64.b64encode(DER + b'more').decode()}:",
        f":{base64.urlsafe_b64encode(DER).decode()}-_:",
        f"-----BEGIN CERTIFICATE-----{HEADER}",
        ":" + "A" * 20_000 + ":",
    ],
    ids=range(13),
)
def test_what_is_no_certificate_is_refused(value: str) -> None:
    """Cut short, with more behind it, in another alphabet, too long, none at all."""
    with pytest.raises(Refused, match="certificate_malformed"):
        make_certificates().thumbprint([value], PROXY)


def test_two_headers_are_refused() -> None:
    """One of them was written by somebody else."""
    with pytest.raises(Refused, match="certificate_malformed"):
        make_certificates().thumbprint([HEADER, HEADER], PROXY)
