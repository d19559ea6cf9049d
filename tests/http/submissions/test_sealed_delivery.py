"""Sealed delivery: the caller sees masks, the receiving department opens the values, and nobody else can.

The envelope is opened here with `cryptography` alone, step by step as RFC 7516 and 7518 say: by no part of what made it.
"""

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import orjson
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap
from joserfc.jwk import ECKey, OKPKey, RSAKey

from gateway.security.sealing import add_sealing_key, end_sealing_key
from tests.http.submissions.conftest import ANN, HALL


def b64(text: str) -> bytes:
    """What a part of a JWE or JWS says."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def opened(compact: str, private: Any) -> dict[str, Any]:
    """The plaintext of a compact JWE, by the private key; raises what `cryptography` raises for another key."""
    head, wrapped, vector, sealed, tag = compact.split(".")
    header = orjson.loads(b64(head))
    if isinstance(private, rsa.RSAPrivateKey):
        oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
        content_key = private.decrypt(b64(wrapped), oaep)
    else:
        content_key = aes_key_unwrap(_agreed(private, header["epk"]), b64(wrapped))
    return orjson.loads(AESGCM(content_key).decrypt(b64(vector), b64(sealed) + b64(tag), head.encode()))


def _agreed(private: Any, epk: dict[str, str]) -> bytes:
    """The key that wraps the content key (RFC 7518, section 4.6)."""
    if isinstance(private, X25519PrivateKey):
        shared = private.exchange(X25519PublicKey.from_public_bytes(b64(epk["x"])))
    else:
        numbers = (int.from_bytes(b64(epk[name]), "big") for name in ("x", "y"))
        public = ec.EllipticCurvePublicNumbers(*numbers, private.curve).public_key()
        shared = private.exchange(ec.ECDH(), public)
    name = b"ECDH-ES+A256KW"
    info = len(name).to_bytes(4, "big") + name + bytes(4) + bytes(4) + (256).to_bytes(4, "big")
    return ConcatKDFHash(hashes.SHA256(), 32, info).derive(shared)


def public_jwk(key: Any, **more: str) -> dict[str, Any]:
    """The public JWK of a key, as a department registers it."""
    return {**key.as_dict(private=False), "use": "enc", **more}


@pytest.fixture
def department_key() -> ECKey:
    """The key pair of the hall's department."""
    return ECKey.generate_key("P-256")


@pytest.fixture
async def sealing_hall(hall: Any, department_key: ECKey) -> Any:
    """A hall whose department has registered its key."""
    await add_sealing_key(HALL, public_jwk(department_key, kid="hall-2026"), hall.runtime)
    return hall


@pytest.mark.parametrize(
    ("make", "algorithm"),
    [
        (lambda: ECKey.generate_key("P-256"), "ECDH-ES+A256KW"),
        (lambda: ECKey.generate_key("P-384"), "ECDH-ES+A256KW"),
        (lambda: OKPKey.generate_key("X25519"), "ECDH-ES+A256KW"),
        (lambda: RSAKey.generate_key(2048), "RSA-OAEP-256"),
    ],
)
async def test_the_department_opens_what_the_caller_cannot_see(hall, make, algorithm):
    """The answer shows masks; the envelope holds every value with its provenance, whatever kind of key opens it."""
    key = make()
    await add_sealing_key(HALL, public_jwk(key), hall.runtime)

    answer = await hall.resolve(delivery="sealed")
    values = opened(answer["sealed"]["jwe"], key.private_key)

    filled = {path: each for path, each in answer["fields"].items() if each["outcome"] == "filled"}
    assert {each["value"] for each in filled.values()} == {None}
    assert answer["fields"]["id_no"]["display"] == "3505**********996X"
    assert (answer["sealed"]["alg"], answer["sealed"]["enc"]) == (algorithm, "A256GCM")
    assert values["fields"].keys() == filled.keys()
    assert values["fields"]["id_no"]["value"] == ANN["id_no"]
    assert values["fields"]["children.0.name"]["value"] == "小明"
    of_name = values["fields"]["name"]
    assert (of_name["tier"], of_name["source"]["id"], of_name["ground"]["kind"]) == ("A", "civil", "consent")
    assert (values["resolution"], values["department"]) == (answer["id"], HALL)
    assert "display" not in of_name


async def test_no_value_behind_a_mask_stands_outside_the_envelope(sealing_hall):
    """Not in the answer, not in the answer read again, not in a header of the envelope, not in the entries."""
    answer = await sealing_hall.resolve(delivery="sealed")
    again = (await sealing_hall.call("GET", f"/v1/resolutions/{answer['id']}")).json()

    assert again == answer
    header = orjson.loads(b64(answer["sealed"]["jwe"].partition(".")[0]))
    assert header.keys() == {"alg", "enc", "kid", "typ", "cty", "epk"}
    shown = orjson.dumps([answer, header, await sealing_hall.entries("intent", "outcome")]).decode()
    assert ANN["id_no"] not in shown
    assert "小明" not in shown


async def test_another_key_opens_nothing(sealing_hall, department_key):
    """Neither another pair of the same kind, nor the right one once a character was changed."""
    sealed = (await sealing_hall.resolve(delivery="sealed"))["sealed"]["jwe"]
    parts = sealed.split(".")
    changed = ".".join([*parts[:3], ("A" if parts[3][0] != "A" else "B") + parts[3][1:], parts[4]])

    with pytest.raises((InvalidUnwrap, InvalidTag)):
        opened(sealed, ECKey.generate_key("P-256").private_key)
    with pytest.raises(InvalidTag):
        opened(changed, department_key.private_key)


async def test_the_department_knows_that_the_envelope_is_ours(sealing_hall):
    """Whoever has the public key can make one; ours is signed by the key of receipts, for this resolution."""
    answer = await sealing_hall.resolve(delivery="sealed")
    head, _, signature = answer["sealed"]["signature"].split(".")
    header = orjson.loads(b64(head))
    keys = (await sealing_hall.call("GET", "/v1/receipts/keys")).json()["keys"]
    key = next(each for each in keys if each["kid"] == header["kid"])

    payload = urlsafe_b64encode(answer["sealed"]["jwe"].encode()).rstrip(b"=")
    Ed25519PublicKey.from_public_bytes(b64(key["x"])).verify(b64(signature), head.encode() + b"." + payload)

    assert (header["typ"], header["jti"]) == ("sealed-values+jws", answer["id"])


async def test_without_a_key_no_source_is_asked(hall):
    """The problem says what to do; nothing was noted as asked, and no consent lost a use."""
    body = {
        "form": {"id": "family"},
        "subjects": {"applicant": ANN},
        "actor": {"kind": "clerk", "id": "jj-0317"},
        "consent": await hall.consent(max_uses=1),
        "delivery": "sealed",
    }

    refused = await hall.call("POST", "/v1/resolutions", body)
    taken = await hall.call("POST", "/v1/resolutions", {**body, "delivery": "values"})

    assert (refused.status_code, refused.json()["code"]) == (409, "no_sealing_key")
    assert "sealing-key add" in refused.json()["detail"]
    assert taken.json()["fields"]["name"]["value"] == "安妮"
    assert len(await hall.entries("intent")) == 1


async def test_a_key_of_another_department_is_not_used(hall, department_key):
    """Values are sealed to whom the token names as recipient, for whom the ground was judged."""
    await add_sealing_key("交通运输", public_jwk(department_key), hall.runtime)

    body = {"form": {"id": "family"}, "actor": {"kind": "clerk", "id": "c"}, "delivery": "sealed"}

    assert (await hall.call("POST", "/v1/resolutions", body)).json()["code"] == "no_sealing_key"


async def test_keys_are_changed_without_a_gap(sealing_hall, department_key):
    """The newest counts from the next answer on; once it is ended, the one before; what was sealed stays readable."""
    runtime, newer = sealing_hall.runtime, ECKey.generate_key("P-256")
    before = await sealing_hall.resolve(delivery="sealed")
    added = await add_sealing_key(HALL, public_jwk(newer, kid="hall-2027"), runtime)
    after = await sealing_hall.resolve(delivery="sealed")
    await end_sealing_key(added.id, runtime)
    last = await sealing_hall.resolve(delivery="sealed")

    assert [each["sealed"]["kid"] for each in (before, after, last)] == [
        "hall-2026",
        "hall-2027",
        "hall-2026",
    ]
    assert opened(before["sealed"]["jwe"], department_key.private_key)["resolution"] == before["id"]
    assert opened(after["sealed"]["jwe"], newer.private_key)["resolution"] == after["id"]


async def test_the_log_says_how_it_left_and_to_which_key(sealing_hall):
    """The entry of the release names the delivery and the key; that it was registered is an entry too."""
    await sealing_hall.resolve(delivery="sealed")
    await sealing_hall.resolve()

    sealed, plain = await sealing_hall.entries("outcome")
    (registered,) = await sealing_hall.entries("sealing_key.changed")
    assert (sealed["delivery"], sealed["sealed_to"]) == ("sealed", "hall-2026")
    assert (plain["delivery"], "sealed_to" in plain) == ("values", False)
    assert (registered["department"], registered["kid"], registered["what"]) == (HALL, "hall-2026", "added")


async def test_the_length_tells_nothing_of_a_value(sealing_hall, department_key):
    """Envelopes come in whole blocks: a longer name or an empty field does not show."""
    sealed = [await sealing_hall.resolve(delivery="sealed", case=case) for case in ("1", "1" * 90)]

    assert len({len(each["sealed"]["jwe"].split(".")[3]) for each in sealed}) == 1
    assert opened(sealed[1]["sealed"]["jwe"], department_key.private_key)["case"] == "1" * 90


async def test_a_sealed_form_is_handed_in_as_it_was_shown(sealing_hall):
    """What comes back as the mask is the value behind it, kept; the person may change it, and the rest, as ever."""
    answer = await sealing_hall.resolve(delivery="sealed")
    shown = {path: each["display"] for path, each in answer["fields"].items() if each["outcome"] == "filled"}
    values = {path: each for path, each in shown.items() if not path.startswith("children.")}
    rows = [
        {leaf: shown[f"children.{number}.{leaf}"] for leaf in ("name", "id_no", "birth_date")}
        for number in (0, 1)
    ]

    handed_in = await sealing_hall.call(
        "POST",
        f"/v1/resolutions/{answer['id']}/submission",
        {"values": {**values, "children": rows, "address": "另一处"}},
    )

    assert handed_in.status_code == 200, handed_in.text
    found = {path: each["disposition"] for path, each in handed_in.json()["fields"].items()}
    assert (found["id_no"], found["children.0.name"], found["address"]) == ("kept", "kept", "edited")


async def test_guessing_behind_a_sealed_mask_is_bounded(sealing_hall):
    """As behind any mask: each refusal is an entry, and after a few no place is named any more."""
    answer = await sealing_hall.resolve("strict", delivery="sealed")

    tried = [await sealing_hall.submit(answer, {"name": f"安{number}"}) for number in range(7)]

    assert tried[0].json()["errors"][0]["code"] == "locked_value_changed"
    assert tried[-1].json()["code"] == "refused_too_often"
    assert len(await sealing_hall.entries("submission.refused")) > 1


async def test_a_value_that_is_disputed_later_is_not_read_again(sealing_hall):
    """What is sealed cannot be taken out of the envelope, so the envelope goes with it; the reader is told."""
    answer = await sealing_hall.resolve(delivery="sealed")
    said = {"resolution": answer["id"], "path": "id_no", "reason": "写错了"}
    assert (await sealing_hall.call("POST", "/v1/disputes", said)).status_code == 201

    again = (await sealing_hall.call("GET", f"/v1/resolutions/{answer['id']}")).json()

    assert again["fields"]["id_no"]["outcome"] == "disputed"
    assert again["sealed"] is None
    assert [each["code"] for each in again["findings"]] == ["sealed_withheld"]


async def test_a_consent_withdrawn_during_the_pull_leaves_nothing_in_the_envelope(
    sealing_hall, department_key
):
    """What is not released is not sealed either."""
    body = {"form": {"id": "family"}, "subjects": {"applicant": ANN}, "actor": {"kind": "clerk", "id": "c"}}
    answer = (await sealing_hall.call("POST", "/v1/resolutions", {**body, "delivery": "sealed"})).json()

    values = opened(answer["sealed"]["jwe"], department_key.private_key)

    assert values["fields"].keys() == {"address"}  # the law gives it; nothing else was agreed to


async def test_the_same_request_sent_again_gives_the_same_envelope(sealing_hall):
    """With its key: nothing is released twice."""
    body = {
        "form": {"id": "family"},
        "subjects": {"applicant": ANN},
        "actor": {"kind": "clerk", "id": "c"},
        "delivery": "sealed",
    }
    key = {"idempotency-key": "once"}

    first, second = [await sealing_hall.call("POST", "/v1/resolutions", body, headers=key) for _ in range(2)]

    assert first.json() == second.json()


async def test_a_key_that_is_ended_while_many_ask_is_the_last_of_none(sealing_hall):
    """Asked for at once, every answer is sealed to a key that stood when it was begun, or none is given."""
    (added,) = await sealing_hall.runtime.store.sealing_keys.listing(after="", limit=5)
    body = {"form": {"id": "family"}, "actor": {"kind": "clerk", "id": "c"}, "delivery": "sealed"}

    calls = [sealing_hall.call("POST", "/v1/resolutions", body) for _ in range(5)]
    *answers, _ = await asyncio.gather(*calls, end_sealing_key(added.id, sealing_hall.runtime))
    later = await sealing_hall.call("POST", "/v1/resolutions", body)

    assert {each.status_code for each in answers} <= {200, 409}
    assert later.json()["code"] == "no_sealing_key"
