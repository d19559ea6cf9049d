"""Keys that departments have values sealed to: public, strong, for encryption alone; and `oncegate sealing-key`."""

import json
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from gateway.errors import BadRequest
from gateway.resolution.sealed import padded
from gateway.security.sealing import ENCRYPTION, algorithm_of, check_key, read_key

EC = ECKey.generate_key("P-256")
USE = {"use": "enc"}
PUBLIC = {**EC.as_dict(private=False), **USE}
ED = OKPKey.generate_key("Ed25519").as_dict(private=False)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (EC, "ECDH-ES+A256KW"),
        (ECKey.generate_key("P-384"), "ECDH-ES+A256KW"),
        (ECKey.generate_key("P-521"), "ECDH-ES+A256KW"),
        (OKPKey.generate_key("X25519"), "ECDH-ES+A256KW"),
        (RSAKey.generate_key(2048), "RSA-OAEP-256"),
    ],
    ids=["P-256", "P-384", "P-521", "X25519", "RSA"],
)
def test_the_algorithm_follows_from_the_key(key: Any, algorithm: str) -> None:
    """A key that is registered seals, and its private half opens; without a `kid` its thumbprint is one."""
    kept = check_key({**key.as_dict(private=False), **USE})
    public = read_key(kept)
    registry = jwe.JWERegistry(algorithms=[algorithm, ENCRYPTION])
    sealed = jwe.encrypt_compact({"alg": algorithm, "enc": ENCRYPTION}, b"{}", public, registry=registry)

    assert algorithm_of(public) == algorithm
    assert kept["kid"] == key.thumbprint()
    assert jwe.decrypt_compact(sealed, key, registry=registry).plaintext == b"{}"


@pytest.mark.parametrize(
    ("jwk", "says"),
    [
        (None, "A JWK is a JSON object"),
        ([PUBLIC], "A JWK is a JSON object"),
        ({}, "not a usable JWK"),
        (PUBLIC | {"x": "AA"}, "not a usable JWK"),
        (PUBLIC | {"x": 1}, "not a usable JWK"),
        (PUBLIC | {"crv": "P-999"}, "not a usable JWK"),
        ({**OctKey.generate_key(256).as_dict(), **USE}, "private or secret"),
        ({**EC.as_dict(private=True), **USE}, "private or secret"),
        ({**ED, **USE}, "curve for signing"),
        ({"kty": "RSA", "e": "AQAB", "n": "w" * 171, **USE}, "has 1024 bits"),
        ({"kty": "RSA", "e": "AQAB", "n": "w" * 1600, **USE}, "has 9600 bits"),
        (EC.as_dict(private=False), '"use": "enc"'),
        (PUBLIC | {"use": "sig"}, '"use": "enc"'),
        (PUBLIC | {"alg": "RSA-OAEP"}, "another algorithm"),
        (PUBLIC | {"alg": "ECDH-ES"}, "another algorithm"),
        (PUBLIC | {"kid": 1}, "no usable `kid`"),
        (PUBLIC | {"kid": ""}, "no usable `kid`"),
        (PUBLIC | {"kid": "k" * 201}, "no usable `kid`"),
        (PUBLIC | {"kid": "a\nb"}, "no usable `kid`"),
    ],
)
def test_a_key_that_would_not_do_is_refused(jwk: Any, says: str) -> None:
    """It says what is wrong and what to use, and repeats nothing of the key."""
    with pytest.raises(BadRequest) as refused:
        check_key(jwk)

    assert refused.value.code == "sealing_key"
    assert says in refused.value.detail
    assert str(PUBLIC["x"]) not in refused.value.detail


def test_only_what_makes_the_key_is_kept() -> None:
    """What else a file says of a key, a certificate or an owner's address, is not stored."""
    assert check_key({**PUBLIC, "kid": "k", "owner": "wang", "x5c": ["MII"]}).keys() == {
        "kty", "crv", "x", "y", "use", "kid",
    }  # fmt: skip


@pytest.mark.parametrize("length", [0, 1, 1023, 1024, 1025])
def test_a_plaintext_is_filled_up(length: int) -> None:
    """To whole blocks, with what a JSON reader skips."""
    assert len(padded(b"1" * length)) % 1024 == 0
    assert padded(b"1" * length).rstrip() == b"1" * length


@pytest.fixture
def jwk_file(tmp_path: Path) -> Path:
    """A department's public key, in a file."""
    path = tmp_path / "traffic.jwk"
    path.write_text(json.dumps(PUBLIC | {"kid": "traffic-2026"}))
    return path


def test_a_key_is_registered_listed_and_ended(run: Any, jwk_file: Path) -> None:
    """Each change is an entry of the log; the list shows which one is used and since when."""
    code, added, _ = run("sealing-key", "add", "交通运输", "--jwk", jwk_file)
    _, ended, _ = run("sealing-key", "end", added["id"])
    listed = run("sealing-key", "list")[1]["sealing_keys"]
    entries = run("audit", "entries", "--limit", "1000")[1]["entries"]

    assert (code, added["kid"], added["alg"], added["ended_at"]) == (
        0,
        "traffic-2026",
        "ECDH-ES+A256KW",
        None,
    )
    assert [(each["id"], each["ended_at"]) for each in listed] == [(added["id"], ended["ended_at"])]
    told = [each for each in entries if each["kind"] == "sealing_key.changed"]
    assert {(each["what"], each["key"], each["department"]) for each in told} == {
        ("added", added["id"], "交通运输"),
        ("ended", added["id"], "交通运输"),
    }


def test_people_are_shown_the_key_in_lines(run: Any, jwk_file: Path) -> None:
    """Its name and algorithm; nobody reads a modulus."""
    code, printed, _ = run("sealing-key", "add", "交通运输", "--jwk", jwk_file, machine=False)

    assert code == 0
    assert "traffic-2026" in printed
    assert str(PUBLIC["x"]) not in printed


def test_what_cannot_be_registered_is_said(run: Any, jwk_file: Path, tmp_path: Path) -> None:
    """A file that is no JSON, the same name twice, a key that is not there: with what to do."""
    broken = tmp_path / "broken"
    broken.write_text("no")
    run("sealing-key", "add", "交通运输", "--jwk", jwk_file)

    codes = [
        run("sealing-key", "add", "交通运输", "--jwk", broken),
        run("sealing-key", "add", "交通运输", "--jwk", tmp_path / "nowhere"),
        run("sealing-key", "add", "交通运输", "--jwk", jwk_file),
        run("sealing-key", "add", "", "--jwk", jwk_file),
        run("sealing-key", "end", "slk_x"),
    ]

    assert all(code in (1, 2) for code, *_ in codes)
    assert [bool(said) for *_, said in codes] == [True] * 5
    assert "End it first" in codes[2][2]
