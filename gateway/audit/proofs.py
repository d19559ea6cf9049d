"""A receipt that stands alone: proof that an entry is in the log, as C2SP tlog-proof says.

Whoever has the entry, the proof and the log's public key can check it without asking the log. `extra` is not covered
by any signature and must not be believed for standing in a proof that checks.
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from gateway.audit.note import BadNote, Checkpoint, Verifier, decode_base64, open_note, parse_number
from gateway.audit.tree import verify_inclusion

_HEADER = "c2sp.org/tlog-proof@v1"
_HASH_BYTES = 32
_MOST_HASHES = 63  # a tree under 2**63 leaves is no higher


class BadProof(ValueError):
    """The proof is malformed or does not show what it should; the message says which, for the person who checks."""


@dataclass(frozen=True, slots=True)
class TlogProof:
    """A proof as it is handed out.

    `index`: of the entry, from 0. `hashes`: from the leaf's side up. `checkpoint`: the signed note, verbatim.
    `extra`: what the application adds, unsigned.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes = b""

    def text(self) -> str:
        """The proof as the content of a `.tlog-proof` file."""
        extra = [f"extra {b64encode(self.extra).decode()}"] if self.extra else []
        hashes = [b64encode(step).decode() for step in self.hashes]
        lines = [_HEADER, *extra, f"index {self.index}", *hashes, "", self.checkpoint]
        return "\n".join(lines)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The proof in this text, not yet checked. BadProof when it is not written as `text()` writes it."""
        head, border, checkpoint = text.partition("\n\n")
        header, *lines = head.split("\n")
        if header != _HEADER:
            raise BadProof(f"This is not a proof: its first line is not {_HEADER}.")
        if not border or not checkpoint:
            raise BadProof("The proof has no checkpoint; the end of the file is missing.")
        extra = _extra(lines.pop(0)) if lines and lines[0].startswith("extra ") else b""
        if not lines:
            raise BadProof("The proof does not say which entry it is about: the index line is missing.")
        index = _index(lines.pop(0))
        if len(lines) > _MOST_HASHES:
            raise BadProof("The proof has more hashes than any log needs.")
        return cls(index, tuple(_hash(line) for line in lines), checkpoint, extra)

    def check(self, leaf_hash: bytes, verifiers: Sequence[Verifier]) -> Checkpoint:
        """The checkpoint under which the entry of this leaf hash is in the log.

        `verifiers`: the log's keys, under the name that its checkpoints state, and any witnesses'. Witnesses alone
        are not enough, nor is another log's key. BadProof names the first thing that is wrong: the signature, whose
        log it is, then the path. How many witnesses are wanted is the caller's question to `open_note`.
        """
        try:
            opened = open_note(self.checkpoint, verifiers)
            checkpoint = Checkpoint.parse(opened.text)
        except BadNote as bad:
            raise BadProof(f"The checkpoint in this proof cannot be relied on. {bad}") from bad
        if not any(signer.name == checkpoint.origin and not signer.is_cosigner for signer in opened.signers):
            raise BadProof("The checkpoint in this proof is not signed by the log that it is about.")
        if self.index >= checkpoint.size:
            raise BadProof(
                f"The proof is about entry {self.index}, but its checkpoint covers {checkpoint.size} entries "
                f"only, counted from 0."
            )
        if not verify_inclusion(leaf_hash, self.index, checkpoint.size, self.hashes, checkpoint.root):
            raise BadProof(
                f"This entry is not entry {self.index} of the log: the entry was changed, or the proof belongs "
                f"to another one."
            )
        return checkpoint


def _extra(line: str) -> bytes:
    try:
        extra = decode_base64(line.removeprefix("extra "))
    except ValueError:
        extra = b""
    if not extra:
        raise BadProof("The extra line of the proof is empty or not base64.")
    return extra


def _index(line: str) -> int:
    word, _, number = line.partition(" ")
    try:
        index = parse_number(number)
    except BadNote:
        index = -1
    if word != "index" or index < 0:
        raise BadProof(
            "The index line of the proof does not read: index, a space, a number without leading zeros."
        )
    return index


def _hash(line: str) -> bytes:
    try:
        decoded = decode_base64(line)
    except ValueError:
        decoded = b""
    if len(decoded) != _HASH_BYTES:
        raise BadProof("A hash in the proof is not 32 bytes in base64.")
    return decoded
