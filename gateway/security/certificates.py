"""Client certificates as a TLS proxy passes them on (RFC 9440), to bind tokens to (RFC 8705, section 3).

TLS ends in the proxy, which has checked the certificate and removed what the client wrote under that header's name
itself. So the header is believed from the proxy's address alone.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from cryptography.x509 import load_der_x509_certificate

from gateway.security.jws import Refused
from gateway.settings import Settings

_BYTE_SEQUENCE = re.compile(r":([A-Za-z0-9+/]{1,16000}={0,2}):")  # RFC 8941, section 3.3.5


class Certificates:
    """Says which certificate a request came with. `header`: the name to look under; None binds nothing."""

    def __init__(self, settings: Settings) -> None:
        behind = settings.behind_tls_proxy
        self.header = settings.client_certificate_header if behind else None
        self._trusted = [ip_network(each) for each in settings.trusted_proxies]

    def thumbprint(self, headers: Sequence[str], peer: str | None) -> str | None:
        """`x5t#S256` of the certificate passed on, None without one. `peer`: the address that connected.

        Raises `Refused`: written by somebody who is not the proxy, sent twice, or no certificate.
        """
        if not headers or self.header is None:
            return None
        if not self._is_trusted(peer):
            raise Refused("certificate_untrusted")
        if len(headers) > 1:
            raise Refused("certificate_malformed")
        return _thumbprint(headers[0])

    def _is_trusted(self, peer: str | None) -> bool:
        try:
            address = ip_address(peer or "")
        except ValueError:  # a socket file, or nothing known
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._trusted)


def _thumbprint(value: str) -> str:
    sequence = _BYTE_SEQUENCE.fullmatch(value.strip(" "))
    if sequence is None:
        raise Refused("certificate_malformed")
    try:
        der = base64.b64decode(sequence[1], validate=True)
        load_der_x509_certificate(der)
    except (binascii.Error, ValueError) as error:
        raise Refused("certificate_malformed") from error
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()
