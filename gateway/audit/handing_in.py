"""What a log sends a witness: old size, consistency proof and checkpoint (C2SP tlog-witness, add-checkpoint). Pure."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.audit.note import BadNote, Checkpoint, decode_base64, parse_number, signature_lines
from gateway.audit.tree import HASH_BYTES

MOST_PROOF_LINES = 63
MOST_BYTES = 64_000
"""A checkpoint has a few hundred bytes and a proof some three thousand at most."""


class BadRequestBody(ValueError):
    """What was sent is not what tlog-witness describes; the message says which part."""


@dataclass(frozen=True, slots=True)
class HandedIn:
    """A checkpoint that is handed in, nothing of it checked. `old`: the size its proof begins at."""

    old: int
    proof: tuple[bytes, ...]
    note: str
    checkpoint: Checkpoint

    def log_note(self) -> str:
        """The note with the lines under the log's own name: what others signed is for them to say."""
        text, lines = signature_lines(self.note)
        own = [line for (name, _), line in lines.items() if name == self.checkpoint.origin]
        return f"{text}\n" + "".join(f"{line}\n" for line in own)


def request_body(old: int, proof: Sequence[bytes], note: str) -> bytes:
    """What to send a witness that knows the first `old` entries."""
    lines = (f"old {old}", *(b64encode(each).decode() for each in proof))
    return ("".join(f"{line}\n" for line in lines) + f"\n{note}").encode()


def parse_request(body: bytes) -> HandedIn:
    """What was handed in. Raises `BadRequestBody`."""
    if len(body) > MOST_BYTES:
        raise BadRequestBody(f"Send {MOST_BYTES} bytes at most.")
    try:
        head, border, note = body.decode("utf-8").partition("\n\n")
        first, *hashes = head.split("\n")
        if not border or not first.startswith("old ") or len(hashes) > MOST_PROOF_LINES:
            raise BadRequestBody(
                f"Begin with 'old' and a size, {MOST_PROOF_LINES} hashes at most, an empty line; then the checkpoint."
            )
        old, proof = parse_number(first.removeprefix("old ")), tuple(map(_hash, hashes))
        return HandedIn(old, proof, note, Checkpoint.parse(signature_lines(note)[0]))
    except BadNote as error:
        raise BadRequestBody(str(error)) from None
    except UnicodeError:
        raise BadRequestBody("The request is not UTF-8 text.") from None


def _hash(line: str) -> bytes:
    try:
        decoded = decode_base64(line)
    except ValueError:
        decoded = b""
    if len(decoded) != HASH_BYTES:
        raise BadRequestBody("A line of the proof is the base64 of one SHA-256 hash.")
    return decoded
