"""Signed notes, checkpoints and cosignatures, as C2SP signed-note, tlog-checkpoint and tlog-cosignature say.

A note is text that one or more keys have signed; a checkpoint is the note in which a log states its size and root; a
cosignature is a witness' line under it, with the time. Ed25519 only. The text of a note must not be used before
`open_note` has given it back; lines of keys that nobody handed in are not looked at.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import ClassVar, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_NOTE_KEY = 0x01  # a log's or a person's key: signs the text as it is
_COSIGNER_KEY = 0x04  # a witness' key: signs the text under a time
_KEY_ID_BYTES = 4
_TIME_BYTES = 8
_SIGNATURE_BYTES = 64
_KEY_BYTES = 32
_ROOT_BYTES = 32
_MOST_BYTES = 1_000_000  # as Go's x/mod/sumdb/note; our checkpoints have a few hundred
_MOST_SIGNATURES = 100
_MOST_NUMBER = 2**63 - 1
_DASH = "— "  # em dash, U+2014, and a space: how every signature line begins
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


class BadNote(ValueError):
    """The note or checkpoint cannot be relied on; the message says why. Nothing of its text may be used."""


class BadKey(ValueError):
    """The text is no verifier key, or its parts contradict each other. Ask its owner for the key again."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key under its name. `key_id`: four bytes; `public`: 32 bytes; `algorithm`: 1 notes, 4 cosignatures."""

    name: str
    key_id: bytes
    public: bytes
    algorithm: int = _NOTE_KEY

    def __post_init__(self) -> None:
        _require_name(self.name)
        if len(self.public) != _KEY_BYTES:
            raise BadKey("An Ed25519 public key has 32 bytes.")
        if self.key_id != _key_id(self.name, self.algorithm, self.public):
            raise BadKey(
                "The id of this verifier key is not the one its name and key give; a part was changed."
            )

    @classmethod
    def of(cls, name: str, public: bytes, *, algorithm: int = _NOTE_KEY) -> Self:
        """The verifier of this public key. BadKey when its name, length or algorithm cannot be."""
        _require_name(name)
        return cls(name, _key_id(name, algorithm, public), public, algorithm)

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """The verifier that "name+id+key" describes. BadKey when it is malformed or the id is another key's."""
        name, _, rest = vkey.partition("+")
        key_id, _, encoded = rest.partition("+")
        try:
            algorithm, *public = decode_base64(encoded)  # ValueError when there is nothing, too
            verifier = cls(name, bytes.fromhex(key_id), bytes(public), algorithm)
        except BadKey:
            raise
        except ValueError:
            raise BadKey("A verifier key reads name+id+key, the id in hex, the key in base64.") from None
        if verifier.verifier_key != vkey:
            raise BadKey("A verifier key's id is written as eight small hex digits.")
        return verifier

    @property
    def verifier_key(self) -> str:
        """The key as text to hand out: "name+id+key"."""
        encoded = b64encode(bytes([self.algorithm]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    @property
    def is_cosigner(self) -> bool:
        """Whether this is a witness' key, which signs under a time."""
        return self.algorithm == _COSIGNER_KEY


@dataclass(frozen=True, slots=True)
class _Key:
    # What Signer and Cosigner have in common; apart from one another so that neither can be taken for the other.

    verifier: Verifier
    _private: Ed25519PrivateKey = field(repr=False)
    _algorithm: ClassVar[int]

    @classmethod
    def from_seed(cls, name: str, seed: bytes) -> Self:
        """The key of this name; `seed`: the 32 secret bytes. BadKey when either cannot be."""
        if len(seed) != _KEY_BYTES:
            raise BadKey("An Ed25519 seed has 32 bytes.")
        private = Ed25519PrivateKey.from_private_bytes(seed)
        return cls(
            Verifier.of(name, private.public_key().public_bytes_raw(), algorithm=cls._algorithm), private
        )

    def named(self, name: str) -> Self:
        """The same key under another name."""
        if name == self.name:
            return self
        verifier = Verifier.of(name, self.verifier.public, algorithm=self._algorithm)
        return type(self)(verifier, self._private)

    @property
    def name(self) -> str:
        """The name this key signs under."""
        return self.verifier.name

    @property
    def verifier_key(self) -> str:
        """The public half as text to hand out: "name+id+key"."""
        return self.verifier.verifier_key

    def _line(self, message: bytes, before: bytes = b"") -> str:
        blob = self.verifier.key_id + before + self._private.sign(message)
        return f"{_DASH}{self.name} {b64encode(blob).decode()}\n"


class Signer(_Key):
    """A key that signs notes: the log's own."""

    __slots__ = ()
    _algorithm = _NOTE_KEY

    def sign(self, text: str) -> str:
        """The signature line of this key under the text, ending in a newline. BadNote when no note can hold it."""
        _require_text(text)
        return self._line(text.encode())


class Cosigner(_Key):
    """A witness' key. Safe only for who has checked that the log grew from the last checkpoint it cosigned."""

    __slots__ = ()
    _algorithm = _COSIGNER_KEY


@dataclass(frozen=True, slots=True)
class OpenedNote:
    """A note that was checked.

    `names`: whose signatures were right, in the order of the lines, each once. `times`: of the cosigners among them,
    when they cosigned, in seconds since 1970. `signers`: the same keys themselves, for who must know which of a
    name's keys it was.
    """

    text: str
    names: tuple[str, ...]
    times: Mapping[str, int] = field(default_factory=dict)
    signers: tuple[Verifier, ...] = ()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log states: how many entries it has and their root. `extensions`: further lines, kept, not understood."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lines = (self.origin, *self.extensions)
        if not all(lines) or any("\n" in line for line in lines):
            raise BadNote("A checkpoint names its log in one line and has no empty lines.")
        _require_text("".join(lines) + "\n")
        if not 0 <= self.size <= _MOST_NUMBER:
            raise BadNote("The size in this checkpoint cannot be that of a log.")
        if len(self.root) != _ROOT_BYTES:
            raise BadNote("The root in this checkpoint is not a SHA-256 hash.")

    def text(self) -> str:
        """The text to be signed."""
        lines = (self.origin, str(self.size), b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The checkpoint that this text states. BadNote when it is not written as `text()` writes it."""
        *lines, rest = text.split("\n")
        if len(lines) < 3 or rest:
            raise BadNote(
                "A checkpoint has at least three lines, each ending in a newline: origin, size and root."
            )
        origin, size, root, *extensions = lines
        try:
            decoded = decode_base64(root)
        except ValueError:
            raise BadNote("The root in this checkpoint is not base64.") from None
        return cls(origin, parse_number(size), decoded, tuple(extensions))


def sign_note(text: str, signers: Sequence[Signer], *, keep: Sequence[str] = ()) -> str:
    """The text as a note: these keys' signature lines, then those of `keep`.

    `keep`: lines made elsewhere, a witness' `cosign` or a signature of a kind not known here. A kept line of a key
    that signs now is left out. BadNote when the note would not open.
    """
    _require_text(text)
    made = [signer.sign(text) for signer in signers]
    ours = {(signer.name, signer.verifier.key_id) for signer in signers}
    kept = [f"{line.removesuffix(chr(10))}\n" for line in keep]
    lines = made + [line for line in kept if _parse_line(line[:-1])[:2] not in ours]
    note = f"{text}\n{''.join(lines)}"
    _split(note)
    return note


def cosign(checkpoint_text: str, signer: Cosigner, seconds: int) -> str:
    """A witness' signature line under a checkpoint, ending in a newline; `seconds` since 1970 is when.

    BadNote when the text is no checkpoint. Rule: cosignature/v1 of C2SP tlog-cosignature.
    """
    Checkpoint.parse(checkpoint_text)
    if not 0 <= seconds <= _MOST_NUMBER:
        raise BadNote("A cosignature's time is a number of seconds since 1970.")
    return signer._line(_cosigned(checkpoint_text, seconds), seconds.to_bytes(_TIME_BYTES, "big"))


def open_note(note: str | bytes, verifiers: Sequence[Verifier]) -> OpenedNote:
    """The note's text, once checked, and who signed it.

    BadNote when it is malformed, when no line is by a key handed in, and when a line by such a key is wrong, however
    many others are right. A key handed in may sign once only: a second line of it is refused.
    """
    text, lines = _split(note)
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    if len(known) != len(set(verifiers)):
        raise BadNote(
            "Two of the keys to check with have the same name and id; it cannot be told whose line is whose."
        )
    signers: list[Verifier] = []
    times: dict[str, int] = {}
    for name, key_id, signature in lines:
        verifier = known.get((name, key_id))
        if verifier is None:
            continue
        if verifier in signers:
            raise BadNote(
                f"{name} has signed this note twice with one key; the log does not write such notes."
            )
        signers.append(verifier)
        seconds = _checked(verifier, text, signature)
        if seconds is not None:
            times[name] = max(seconds, times.get(name, 0))
    if not signers:
        raise BadNote(
            "None of the keys to check with has signed this note; it may be another log's, or forged."
        )
    return OpenedNote(text, tuple(dict.fromkeys(signer.name for signer in signers)), times, tuple(signers))


def signature_lines(note: str) -> tuple[str, dict[tuple[str, bytes], str]]:
    """The text of a note, and by name and key id the lines under it, unchecked. BadNote when it is malformed."""
    text, lines = _split(note)
    written = note.rpartition("\n\n")[2].splitlines()
    return text, {(name, key_id): line for (name, key_id, _), line in zip(lines, written, strict=True)}


def signers_of(note: str) -> frozenset[str]:
    """Whose lines stand under the note, as name and key id, unchecked: safe only for telling notes apart."""
    return frozenset(f"{name}+{key_id.hex()}" for name, key_id, _ in _split(note)[1])


def decode_base64(text: str) -> bytes:
    """The bytes that this text is *the* base64 of (RFC 4648 section 4); ValueError for any other spelling."""
    decoded = b64decode(text, validate=True)
    if b64encode(decoded).decode() != text:
        raise ValueError("not canonical base64")
    return decoded


def parse_number(text: str) -> int:
    """The number, below 2**63, that this text writes in decimal without leading zeros. BadNote otherwise."""
    if _NUMBER.fullmatch(text) is None or int(text) > _MOST_NUMBER:
        raise BadNote("A size or index is written in digits without leading zeros, and is below 2**63.")
    return int(text)


# ---------------------------------------------------------------- how


def _checked(verifier: Verifier, text: str, signature: bytes) -> int | None:
    # The time of a cosignature, None for a plain signature; BadNote when it is not the key's over this text.
    seconds: int | None = None
    message = text.encode()
    if verifier.is_cosigner:
        seconds, signature = int.from_bytes(signature[:_TIME_BYTES], "big"), signature[_TIME_BYTES:]
        message = _cosigned(text, seconds)
    fits = len(signature) == _SIGNATURE_BYTES and (seconds or 0) <= _MOST_NUMBER
    try:
        if fits:
            Ed25519PublicKey.from_public_bytes(verifier.public).verify(signature, message)
    except InvalidSignature:
        fits = False
    if not fits:
        raise BadNote(
            f"The signature of {verifier.name} is not right: the text or the signature was changed, "
            f"or another key made it."
        )
    return seconds


def _cosigned(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _split(note: str | bytes) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    # The text and (name, key id, signature) of each line; BadNote when this is no note.
    try:
        raw = note if isinstance(note, bytes) else note.encode()
        whole = raw.decode()
    except UnicodeError:
        raise BadNote("The note is not UTF-8 text.") from None
    if len(raw) > _MOST_BYTES:
        raise BadNote("The note is larger than a million bytes.")
    # The last empty line is the border: a text may have empty lines, signatures may not.
    text, border, signatures = whole.rpartition("\n\n")
    if not border or not signatures.endswith("\n"):
        raise BadNote(
            "A note is a text, an empty line and at least one signature line, each ending in a newline."
        )
    _require_text(text + "\n")
    lines = signatures[:-1].split("\n")
    if len(lines) > _MOST_SIGNATURES:
        raise BadNote("The note has more than a hundred signatures.")
    return text + "\n", [_parse_line(line) for line in lines]


def _parse_line(line: str) -> tuple[str, bytes, bytes]:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    try:
        _require_name(name)
        blob = decode_base64(encoded)
    except ValueError:
        blob = b""
    if not line.startswith(_DASH) or len(blob) <= _KEY_ID_BYTES:
        raise BadNote(
            "A signature line reads: em dash, name, base64 of key id and signature, one space between."
        )
    return name, blob[:_KEY_ID_BYTES], blob[_KEY_ID_BYTES:]


def _require_text(text: str) -> None:
    if not text.endswith("\n"):
        raise BadNote("The text of a note ends in a newline.")
    if _CONTROL.search(text):
        raise BadNote("The note holds control characters; only the newline may stand in one.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadNote("The note is not UTF-8 text.") from None


def _require_name(name: str) -> None:
    bad = not name or "+" in name or _CONTROL.search(name) or any(letter.isspace() for letter in name)
    if bad or any("\ud800" <= letter <= "\udfff" for letter in name):
        raise BadKey("A key's name is UTF-8, not empty, and has no space, no plus and no control character.")


def _key_id(name: str, algorithm: int, public: bytes) -> bytes:
    if algorithm not in {_NOTE_KEY, _COSIGNER_KEY}:
        raise BadKey("This kind of key is not known here; 1 (Ed25519) and 4 (Ed25519 cosignature) are.")
    # SHA-256(name || newline || algorithm || key), its first four bytes (C2SP signed-note)
    return sha256(name.encode() + b"\n" + algorithm.to_bytes(1, "big") + public).digest()[:_KEY_ID_BYTES]
