"""Signed notes, checkpoints, cosignatures and the proofs handed out: what opens, and what is refused with which words."""

from base64 import b64decode, b64encode
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.audit.note import (
    BadKey,
    BadNote,
    Checkpoint,
    Cosigner,
    OpenedNote,
    Signer,
    Verifier,
    cosign,
    open_note,
    sign_note,
)
from gateway.audit.proofs import BadProof, TlogProof
from gateway.audit.tree import grow, inclusion_proof, leaf_hash

NAME = "log.example/hall"
SEED = bytes(range(32))
LOG = Signer.from_seed(NAME, SEED)
NEXT_KEY = Signer.from_seed(NAME, b"n" * 32)
CLERK = Signer.from_seed("clerk.example", b"c" * 32)
WITNESS = Cosigner.from_seed("audit-office.example/w1", b"w" * 32)
SECONDS = 1_800_000_000
LEAVES = [leaf_hash(str(nth).encode()) for nth in range(300)]
GROWN = grow(0, {}, LEAVES)
CHECKPOINT = Checkpoint(NAME, 300, GROWN.root)
NOTE = sign_note(CHECKPOINT.text(), [LOG])


def line(name: str, blob: bytes) -> str:
    """A signature line as the specification writes it."""
    return f"— {name} {b64encode(blob).decode()}\n"


def proof(index: int = 7, checkpoint: str = NOTE, extra: bytes = b"") -> TlogProof:
    """A right proof that entry `index` is in the log."""
    return TlogProof(index, inclusion_proof(index, 300, GROWN.tiles), checkpoint, extra)


class TestKeys:
    def test_a_key_is_named_by_what_it_signs(self):
        """The id is the start of SHA-256 over name, newline, kind and public key; so kinds of one key differ."""
        public = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()
        noted = sha256(NAME.encode() + b"\n\x01" + public).hexdigest()[:8]
        cosigned = sha256(NAME.encode() + b"\n\x04" + public).hexdigest()[:8]

        assert LOG.verifier_key.split("+", 2) == [NAME, noted, b64encode(b"\x01" + public).decode()]
        assert Cosigner.from_seed(NAME, SEED).verifier_key.split("+", 2)[1] == cosigned

    @pytest.mark.parametrize("key", [LOG, CLERK, WITNESS])
    def test_a_verifier_key_and_back(self, key):
        """The text that is handed out is read as the same key."""
        verifier = Verifier.parse(key.verifier_key)

        assert (
            verifier == key.verifier == Verifier.of(key.name, verifier.public, algorithm=verifier.algorithm)
        )
        assert verifier.verifier_key == key.verifier_key
        assert verifier.is_cosigner == (key is WITNESS)

    def test_a_seed_is_not_shown(self):
        """Neither the private key nor its seed stands in what a key prints."""
        shown = repr(LOG) + repr(WITNESS)

        assert SEED.hex() not in shown
        assert "Private" not in shown

    @pytest.mark.parametrize(
        ("vkey", "says"),
        [
            ("", "reads name"),
            ("name", "reads name"),
            ("name+12345678", "reads name"),
            ("name+12345678+Ag==", "32 bytes"),
            ("name+12345678+!!!!", "reads name"),
            ("name+1234567z+AAAA", "reads name"),
            (LOG.verifier_key.replace("hall", "mall"), "not the one"),
            (LOG.verifier_key.replace(LOG.verifier.key_id.hex(), "00000000"), "not the one"),
            (LOG.verifier_key.replace(LOG.verifier.key_id.hex(), LOG.verifier.key_id.hex().upper()), "eight small"),
            (LOG.verifier_key[:-4], "32 bytes"),
            ("+" + LOG.verifier_key.split("+", 1)[1], "name"),
            ("a b+" + LOG.verifier_key.split("+", 1)[1], "name"),
            ("name+00000000+" + b64encode(b"\x02" + b"x" * 32).decode(), "kind of key"),
        ],
    )  # fmt: skip
    def test_a_damaged_key_is_refused(self, vkey, says):
        """A verifier key whose parts do not belong together is not used."""
        with pytest.raises(BadKey, match=says):
            Verifier.parse(vkey)

    @pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b", "a\nb", "a\x00b", "a\ud800b"])
    def test_a_name_that_lines_cannot_hold_is_refused(self, name):
        """Names are not empty and have neither spaces of any kind nor plus signs."""
        with pytest.raises(BadKey, match="name"):
            Signer.from_seed(name, SEED)

    @pytest.mark.parametrize("seed", [b"", b"x" * 31, b"x" * 64])
    def test_a_seed_has_one_length(self, seed):
        """A seed of another length is refused, not padded."""
        with pytest.raises(BadKey, match="32 bytes"):
            Signer.from_seed(NAME, seed)


class TestNotes:
    def test_a_note_as_the_specification_draws_it(self):
        """Text, empty line, em dash, name, base64 of key id and Ed25519 signature over the text."""
        text = "two lines\n\nand an empty one between\n"
        signature = Ed25519PrivateKey.from_private_bytes(SEED).sign(text.encode())
        note = sign_note(text, [LOG])

        assert note == text + "\n" + line(NAME, LOG.verifier.key_id + signature)
        assert open_note(note, [LOG.verifier]) == OpenedNote(text, (NAME,), {}, (LOG.verifier,))
        assert open_note(note.encode(), [LOG.verifier]).text == text

    @given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]) | st.just("\n"), max_size=60))
    @example("")
    @example("\n")
    @example("\n\n— log.example/hall AAAAAAAA\n")
    @example("a\u2028b\u0085c")
    def test_what_is_signed_is_what_opens(self, body):
        """Any text without control characters comes back as it was, empty lines and foreign line ends included."""
        opened = open_note(sign_note(body + "\n", [LOG, CLERK]), [CLERK.verifier, LOG.verifier])

        assert opened.text == body + "\n"
        assert opened.names == (NAME, "clerk.example")

    def test_no_byte_of_a_note_can_be_changed(self):
        """Every bit of text, border and line matters: with any one turned the note does not open."""
        whole = NOTE.encode()
        for at in range(len(whole)):
            for bit in range(8):
                spoilt = whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :]
                with pytest.raises(BadNote):
                    open_note(spoilt, [LOG.verifier])

    def test_no_end_of_a_note_can_be_cut(self):
        """A note that was cut anywhere does not open."""
        for end in range(len(NOTE)):
            with pytest.raises(BadNote):
                open_note(NOTE[:end], [LOG.verifier])

    def test_unknown_keys_are_passed_over(self):
        """Lines of keys not handed in are not judged, even under a known name or with a known id."""
        strangers = [
            line("stranger.example", b"????" + b"x" * 64),
            line(NAME, b"????" + b"x" * 64),
            line("other.example", LOG.verifier.key_id + b"x" * 64),
            line("sm2.example", b"sm2!" + b"x" * 71),
        ]
        note = sign_note("text\n", [LOG], keep=strangers)

        assert note.endswith("".join(strangers))
        assert open_note(note, [LOG.verifier]).names == (NAME,)

    def test_one_wrong_line_of_a_known_key_spoils_the_note(self):
        """Another key's right signature does not make up for it."""
        wrong = line("clerk.example", CLERK.verifier.key_id + b"x" * 64)
        note = sign_note("text\n", [LOG], keep=[wrong])

        assert open_note(note, [LOG.verifier]).names == (NAME,)
        with pytest.raises(BadNote, match=r"clerk\.example is not right"):
            open_note(note, [LOG.verifier, CLERK.verifier])

    def test_a_signature_of_another_length_is_wrong(self):
        """A known key's line with too few or too many bytes is a wrong signature."""
        for length in (1, 63, 65):
            note = sign_note("text\n", [], keep=[line(NAME, LOG.verifier.key_id + b"x" * length)])
            with pytest.raises(BadNote, match="is not right"):
                open_note(note, [LOG.verifier])

    def test_nobody_known_is_nobody(self):
        """A note without a line of a key handed in does not open, nor does any note for who has no keys."""
        for verifiers in ([], [CLERK.verifier], [NEXT_KEY.verifier]):
            with pytest.raises(BadNote, match="None of the keys"):
                open_note(NOTE, verifiers)

    def test_two_keys_of_one_name(self):
        """While keys rotate both sign under the log's name; who knows either opens the note."""
        note = sign_note("text\n", [LOG, NEXT_KEY])
        opened = open_note(note, [LOG.verifier, NEXT_KEY.verifier])

        assert opened.names == (NAME,)
        assert opened.signers == (LOG.verifier, NEXT_KEY.verifier)
        assert open_note(note, [LOG.verifier]).signers == (LOG.verifier,)
        assert open_note(note, [NEXT_KEY.verifier]).signers == (NEXT_KEY.verifier,)

    def test_a_key_signs_once(self):
        """A second line of a known key is refused, even if it repeats the first."""
        doubled = NOTE + NOTE.rpartition("\n\n")[2]

        with pytest.raises(BadNote, match="twice"):
            open_note(doubled, [LOG.verifier])

    def test_signing_anew_replaces_the_old_line(self):
        """A kept line of a key that signs now is left out; other lines stay in their order."""
        clerk = CLERK.sign("text\n")
        note = sign_note("text\n", [LOG], keep=[line(NAME, LOG.verifier.key_id + b"old"), clerk.rstrip("\n")])

        assert note == f"text\n\n{LOG.sign('text' + chr(10))}{clerk}"

    @pytest.mark.parametrize(
        ("note", "says"),
        [
            ("", "A note is a text"),
            ("text\n", "A note is a text"),
            ("text\n\n", "A note is a text"),
            (NOTE + "\n", "A note is a text"),
            (NOTE.rstrip("\n"), "A note is a text"),
            (NOTE.replace("\n", "\r\n"), "A note is a text"),
            (NOTE.replace("300", "30\x000"), "control characters"),
            (NOTE.replace("300", "30\t0"), "control characters"),
            (NOTE.encode() + b"\xff", "UTF-8"),
            (NOTE.replace("300", "30\ud800"), "UTF-8"),
            (NOTE.replace("— ", "- "), "signature line reads"),
            (NOTE.replace("— ", "—  "), "signature line reads"),
            (NOTE[:-1] + " \n", "signature line reads"),
            (NOTE + "— a+b AAAAAAAA\n", "signature line reads"),
            (NOTE + "— name\n", "signature line reads"),
            (NOTE + "— name AAAAAA==\n", "signature line reads"),
            (NOTE + "— name AAAAAAB=\n", "signature line reads"),
            (NOTE + "— name AAAA AAAA\n", "signature line reads"),
            ("x" * 1_000_000 + NOTE, "larger than a million"),
            (NOTE.replace(NAME, "长" * 400_000, 1), "larger than a million"),
            (NOTE + "— name AAAAAAAA\n" * 100, "more than a hundred"),
        ],
    )  # fmt: skip
    def test_what_is_no_note(self, note, says):
        """Malformed notes are refused before any signature is looked at, in words that say what a note is."""
        with pytest.raises(BadNote, match=says):
            open_note(note, [LOG.verifier])

    def test_a_hundred_signatures_are_read(self):
        """A note may carry as many lines as a large witness network writes."""
        note = sign_note("text\n", [LOG], keep=["— name AAAAAAAA"] * 99)

        assert open_note(note, [LOG.verifier]).names == (NAME,)

    @pytest.mark.parametrize("text", ["", "text", "te\tt\n", "text\r\n", "\ud800\n", "text\n\n— a AAAAAAAA"])
    def test_what_cannot_be_a_text_is_not_signed(self, text):
        """A text that does not end in a newline or holds control characters is refused, not mended."""
        with pytest.raises(BadNote):
            sign_note(text, [LOG])
        with pytest.raises(BadNote):
            sign_note(text, [], keep=["— a AAAAAAAA"])
        with pytest.raises(BadNote):
            LOG.sign(text)

    @pytest.mark.parametrize("keep", [[], ["junk"], ["— a AAAAAAAA\n— b AAAAAAAA"], ["— a AAAAAAAA"] * 101])
    def test_no_note_is_written_that_would_not_open(self, keep):
        """Without a line, or with kept lines that are none, nothing is written."""
        with pytest.raises(BadNote):
            sign_note("text\n", [], keep=keep)

    @pytest.mark.parametrize("verifier", [WITNESS.verifier, Verifier.of("x", LOG.verifier.public)])
    def test_keys_of_other_kinds_and_names_are_strangers(self, verifier):
        """The same public key under another name or kind has not signed."""
        with pytest.raises(BadNote, match="None of the keys"):
            open_note(NOTE, [verifier])

    def test_the_same_key_may_be_handed_in_twice(self):
        """A list of keys with a repetition is no ambiguity."""
        assert open_note(NOTE, [LOG.verifier, LOG.verifier]).names == (NAME,)


class TestCheckpoints:
    def test_three_lines(self):
        """Origin, size and root; and read back the same."""
        text = f"{NAME}\n300\n{b64encode(GROWN.root).decode()}\n"

        assert CHECKPOINT.text() == text
        assert Checkpoint.parse(text) == CHECKPOINT

    def test_further_lines_are_kept(self):
        """Extension lines are not understood and not lost: a cosignature covers them."""
        text = CHECKPOINT.text() + "extension one\n2\n"
        checkpoint = Checkpoint.parse(text)

        assert checkpoint.extensions == ("extension one", "2")
        assert checkpoint.text() == text

    @pytest.mark.parametrize(
        ("size", "root", "rest", "says"),
        [
            ("00", "", "\n", "digits"),
            ("03", "", "\n", "digits"),
            ("+3", "", "\n", "digits"),
            (" 3", "", "\n", "digits"),
            ("-3", "", "\n", "digits"),
            ("3_0", "", "\n", "digits"),
            ("٣", "", "\n", "digits"),
            ("", "", "\n", "digits"),
            ("9223372036854775808", "", "\n", "digits"),
            ("9" * 5000, "", "\n", "digits"),
            ("3", "AAAA", "\n", "SHA-256"),
            ("3", "!", "\n", "base64"),
            ("3", "A" * 42 + "B=", "\n", "base64"),
            ("3", "A" * 43, "\n", "base64"),
            ("3", "", "", "three lines"),
            ("3", "", "\n\n", "empty lines"),
            ("3", "", "\nx", "three lines"),
            ("3", "", "\n\nx\n", "empty lines"),
        ],
    )  # fmt: skip
    def test_one_spelling_only(self, size, root, rest, says):
        """Leading zeros, other digits, other base64 and missing or empty lines are refused."""
        with pytest.raises(BadNote, match=says):
            Checkpoint.parse(f"{NAME}\n{size}\n{root or b64encode(GROWN.root).decode()}{rest}")

    @pytest.mark.parametrize("text", ["", "\n", "a\n", "a\n1\n", "\n\n\n", "\n\n\n\n"])
    def test_too_few_lines(self, text):
        """What has no origin, size and root is no checkpoint."""
        with pytest.raises(BadNote):
            Checkpoint.parse(text)

    @pytest.mark.parametrize(
        "fields",
        [
            ("", 1, b"x" * 32),
            ("a\nb", 1, b"x" * 32),
            ("a\tb", 1, b"x" * 32),
            (NAME, -1, b"x" * 32),
            (NAME, 2**63, b"x" * 32),
            (NAME, 1, b"x" * 31),
            (NAME, 1, b"x" * 32, ("",)),
            (NAME, 1, b"x" * 32, ("a\nb",)),
        ],
    )
    def test_none_is_made_that_could_not_be_read(self, fields):
        """A checkpoint that its text could not hold does not come about."""
        with pytest.raises(BadNote):
            Checkpoint(*fields)


class TestCosignatures:
    def test_a_cosignature_as_the_specification_draws_it(self):
        """Key id, time in eight bytes, and a signature over header, time and checkpoint."""
        message = f"cosignature/v1\ntime {SECONDS}\n{CHECKPOINT.text()}"
        signature = Ed25519PrivateKey.from_private_bytes(b"w" * 32).sign(message.encode())
        blob = WITNESS.verifier.key_id + SECONDS.to_bytes(8, "big") + signature

        assert cosign(CHECKPOINT.text(), WITNESS, SECONDS) == line(WITNESS.name, blob)

    def test_log_and_witness_are_told_with_the_time(self):
        """The opened note names both and says when the witness saw it."""
        note = sign_note(CHECKPOINT.text(), [LOG], keep=[cosign(CHECKPOINT.text(), WITNESS, SECONDS)])
        opened = open_note(note, [LOG.verifier, WITNESS.verifier])

        assert opened.names == (NAME, WITNESS.name)
        assert dict(opened.times) == {WITNESS.name: SECONDS}
        assert open_note(note, [LOG.verifier]).times == {}

    def test_the_time_is_signed(self):
        """A cosignature whose time, text or signature was changed spoils the note."""
        right = b64decode(cosign(CHECKPOINT.text(), WITNESS, SECONDS).split(" ")[2])
        for at in range(4, len(right)):
            spoilt = line(WITNESS.name, right[:at] + bytes([right[at] ^ 1]) + right[at + 1 :])
            with pytest.raises(BadNote, match="is not right"):
                open_note(
                    sign_note(CHECKPOINT.text(), [LOG], keep=[spoilt]), [LOG.verifier, WITNESS.verifier]
                )

    def test_a_time_beyond_all_clocks_is_wrong(self):
        """The specification ends times at 2**63 - 1: later ones are refused though the signature fits."""
        text = CHECKPOINT.text()
        signature = Ed25519PrivateKey.from_private_bytes(b"w" * 32).sign(
            f"cosignature/v1\ntime {2**63}\n{text}".encode()
        )
        late = line(WITNESS.name, WITNESS.verifier.key_id + (2**63).to_bytes(8, "big") + signature)

        with pytest.raises(BadNote, match="is not right"):
            open_note(sign_note(text, [LOG], keep=[late]), [WITNESS.verifier])

    def test_a_cosignature_cut_short_is_wrong(self):
        """A witness' line with less than a time, or less than a signature, is refused."""
        for length in (1, 8, 64, 71):
            cut = line(WITNESS.name, WITNESS.verifier.key_id + b"\x00" * length)
            with pytest.raises(BadNote, match="is not right"):
                open_note(sign_note(CHECKPOINT.text(), [LOG], keep=[cut]), [WITNESS.verifier])

    def test_only_checkpoints_are_cosigned(self):
        """A witness puts its name under nothing else, and under no impossible time."""
        with pytest.raises(BadNote, match="three lines"):
            cosign("pay the bearer\n", WITNESS, SECONDS)
        for seconds in (-1, 2**63):
            with pytest.raises(BadNote, match="seconds"):
                cosign(CHECKPOINT.text(), WITNESS, seconds)


class TestProofs:
    def test_a_proof_as_the_specification_draws_it(self):
        """Header, extra, index, hashes, empty line, checkpoint; without extra there is no such line."""
        steps = [b64encode(step).decode() for step in proof().hashes]

        assert proof(extra=b"more").text().split("\n") == [
            "c2sp.org/tlog-proof@v1", "extra bW9yZQ==", "index 7", *steps, "", *NOTE.split("\n")
        ]  # fmt: skip
        assert proof().text().split("\n")[1] == "index 7"

    @pytest.mark.parametrize("extra", [b"", b"more", bytes(range(256))])
    def test_a_proof_and_back(self, extra):
        """What is handed out is read as the same proof, and shows the checkpoint."""
        read = TlogProof.parse(proof(extra=extra).text())

        assert read == proof(extra=extra)
        assert read.check(LEAVES[7], [LOG.verifier]) == CHECKPOINT

    def test_every_entry_has_its_proof(self):
        """Each entry is proved by its own proof and not by its neighbour's."""
        for index in range(300):
            shown = TlogProof.parse(proof(index).text())
            assert shown.check(LEAVES[index], [LOG.verifier]) == CHECKPOINT
            with pytest.raises(BadProof, match=f"not entry {index} of the log"):
                shown.check(LEAVES[index - 1], [LOG.verifier])

    def test_the_only_entry_needs_no_hashes(self):
        """In a log of one entry the proof is the checkpoint."""
        alone = TlogProof(0, (), sign_note(Checkpoint(NAME, 1, LEAVES[0]).text(), [LOG]))

        assert TlogProof.parse(alone.text()).check(LEAVES[0], [LOG.verifier]).size == 1

    def test_no_byte_of_a_proof_can_be_changed(self):
        """With any one bit turned the proof is refused, at reading or at checking."""
        whole = proof().text().encode()
        for at in range(len(whole)):
            spoilt = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
            with pytest.raises(BadProof):
                TlogProof.parse(spoilt.decode(errors="surrogateescape")).check(LEAVES[7], [LOG.verifier])

    def test_the_signature_is_looked_at_first(self):
        """A forged checkpoint is called that, whatever else is wrong."""
        forged = proof(checkpoint=NOTE.replace("\n300\n", "\n5\n"))

        with pytest.raises(BadProof, match=r"cannot be relied on.*is not right"):
            forged.check(b"", [LOG.verifier])

    def test_a_witness_alone_is_not_the_log(self):
        """Without the log's own signature nothing is shown; with it, a witness beside it does no harm."""
        cosigned = cosign(CHECKPOINT.text(), WITNESS, SECONDS)
        alone = proof(checkpoint=sign_note(CHECKPOINT.text(), [], keep=[cosigned]))
        both = proof(checkpoint=sign_note(CHECKPOINT.text(), [LOG], keep=[cosigned]))

        assert both.check(LEAVES[7], [LOG.verifier, WITNESS.verifier]) == CHECKPOINT
        with pytest.raises(BadProof, match="not signed by the log"):
            alone.check(LEAVES[7], [LOG.verifier, WITNESS.verifier])

    def test_a_log_speaks_for_itself_only(self):
        """A trusted key does not make another log's checkpoint true, nor does a witness of the log's name."""
        foreign = proof(checkpoint=sign_note(CHECKPOINT.text(), [CLERK]))
        namesake = Cosigner.from_seed(NAME, b"s" * 32)
        posing = proof(
            checkpoint=sign_note(CHECKPOINT.text(), [], keep=[cosign(CHECKPOINT.text(), namesake, SECONDS)])
        )

        with pytest.raises(BadProof, match="not signed by the log"):
            foreign.check(LEAVES[7], [LOG.verifier, CLERK.verifier])
        with pytest.raises(BadProof, match="not signed by the log"):
            posing.check(LEAVES[7], [LOG.verifier, namesake.verifier])

    def test_a_signed_text_that_is_no_checkpoint_shows_nothing(self):
        """A note of the log about something else is not a checkpoint."""
        with pytest.raises(BadProof, match="cannot be relied on"):
            proof(checkpoint=sign_note("hello\n", [LOG])).check(LEAVES[7], [LOG.verifier])

    @pytest.mark.parametrize("index", [300, 2**62])
    def test_an_entry_after_the_checkpoint_is_said_to_be_so(self, index):
        """The message gives the entry and how many the checkpoint covers."""
        late = TlogProof(index, proof().hashes, NOTE)

        with pytest.raises(BadProof, match=f"entry {index}, but its checkpoint covers 300"):
            late.check(LEAVES[7], [LOG.verifier])

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            (lambda text: "", "This is not a proof"),
            (lambda text: text.replace("@v1", "@v2"), "This is not a proof"),
            (lambda text: "\n" + text, "This is not a proof"),
            (lambda text: text.replace("\n", "\r\n"), "This is not a proof"),
            (lambda text: text.partition("\n\n")[0], "no checkpoint"),
            (lambda text: text.partition("\n\n")[0] + "\n\n", "no checkpoint"),
            (lambda text: text.replace("index 7\n", ""), "index line of the proof"),
            (lambda text: "c2sp.org/tlog-proof@v1\n\n" + NOTE, "index line is missing"),
            (lambda text: "c2sp.org/tlog-proof@v1\nextra AAAA\n\n" + NOTE, "index line is missing"),
            (lambda text: text.replace("index 7", "index 07"), "leading zeros"),
            (lambda text: text.replace("index 7", "index -7"), "leading zeros"),
            (lambda text: text.replace("index 7", "index  7"), "leading zeros"),
            (lambda text: text.replace("index 7", "index 7 "), "leading zeros"),
            (lambda text: text.replace("index 7", "index 9223372036854775808"), "leading zeros"),
            (lambda text: text.replace("index 7", "Index 7"), "index line"),
            (lambda text: text.replace("index 7", "extra \nindex 7"), "extra line"),
            (lambda text: text.replace("index 7", "extra !\nindex 7"), "extra line"),
            (lambda text: text.replace("index 7", "extra AAAA\nextra AAAA\nindex 7"), "index line"),
            (lambda text: text.replace("index 7", "index 7\nextra AAAA"), "A hash"),
            (lambda text: text.replace("index 7", "index 7\nAAAA"), "A hash"),
            (lambda text: text.replace("index 7", "index 7\n" + "A" * 42 + "B="), "A hash"),
            (lambda text: text.replace("index 7", "index 7" + ("\n" + "A" * 43 + "=") * 60), "more hashes"),
        ],
    )  # fmt: skip
    def test_what_is_no_proof(self, change, says):
        """Malformed proofs are refused in words that say which line is wrong."""
        with pytest.raises(BadProof, match=says):
            TlogProof.parse(change(proof().text()))

    def test_a_proof_cut_anywhere_is_refused(self):
        """No beginning of a proof passes for a proof."""
        whole = proof().text()
        for end in range(len(whole)):
            with pytest.raises(BadProof):
                TlogProof.parse(whole[:end]).check(LEAVES[7], [LOG.verifier])
