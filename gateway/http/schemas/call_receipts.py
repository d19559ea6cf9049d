"""Call receipts, as they are answered."""

from gateway.http.schemas.receipts import ReceiptKey
from gateway.http.schemas.resolutions import Answered


class ProvenEntry(Answered):
    """An entry of the log, verbatim, with the C2SP tlog-proof that it is there."""

    entry: str
    leaf: str
    proof: str


class DisclosedOfficer(Answered):
    """Who worked, on which case. `salt`, `document`: with them both can be checked against the intent's commitment."""

    actor: str | None
    case: str | None
    salt: str
    document: str


class CallReceipt(Answered):
    """A call receipt, and what it takes to check it offline.

    `receipt`: compact JWS. `digest`: SHA-256 of what it states, in canonical JSON. `url`: what its code holds.
    `entries`: intent, outcome and submission. `verifier_keys`: the log's, newest first. `officer`: null but for the
    system that resolved.
    """

    number: str
    digest: str
    url: str
    receipt: str
    receipt_key: ReceiptKey
    verifier_keys: list[str]
    entries: list[ProvenEntry]
    officer: DisclosedOfficer | None
