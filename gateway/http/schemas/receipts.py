"""Receipts and exports of consents, as they are answered."""

from typing import Literal

from gateway.http.schemas.resolutions import Answered


class ReceiptKey(Answered):
    """The public key that checks a receipt's signature (JWK, RFC 8037). `kid`: its thumbprint (RFC 7638)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str
    kid: str
    use: Literal["sig"]
    alg: Literal["EdDSA"]


class ReceiptKeySet(Answered):
    """The keys of all receipts, newest first (JWK Set)."""

    keys: list[ReceiptKey]


class ReceiptAnswer(Answered):
    """A receipt, and what it takes to check it offline.

    `receipt`: compact JWS. `entry`, `leaf`: the log's entry, verbatim. `proof`: C2SP tlog-proof; null while the entry
    waits for its place. `verifier_key`: the log's, for the proof.
    """

    receipt: str
    receipt_key: ReceiptKey
    entry: str
    leaf: str
    proof: str | None
    verifier_key: str
