"""`oncegate operator` and `oncegate client`: who works here and which systems call, each change an entry."""

import json
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import OKPKey

WANG = ("operator", "add", "wang", "--name", "王工", "--department", "数据局", "--role")
HALL = ("client", "add", "hall", "--department", "政务服务", "--role", "renderer")


def leaves(run: Any) -> list[dict[str, Any]]:
    """The leaves of the log that tell of operators, clients and roles."""
    entries = run("audit", "entries", "--limit", "1000")[1]["entries"]
    return [each for each in entries if each["kind"].split(".")[0] in ("operator", "client", "roles")]


def test_a_new_operator_is_handed_a_password_and_a_qr_code(run) -> None:
    """Both once; the list shows neither, the log knows a random id only."""
    code, made, _ = run(*WANG, "security")
    listed = run("operator", "list")[1]["operators"]
    told = leaves(run)

    assert code == 0
    assert made["otpauth"].startswith("otpauth://totp/OnceGate:wang?")
    assert [(each["login"], each["name"], each["roles"]) for each in listed] == [
        ("wang", "王工", ["security"])
    ]
    assert made["password"] not in json.dumps(listed)
    assert [(each["what"], each["operator"]) for each in told] == [("added", made["id"])]
    assert "wang" not in json.dumps(told)


def test_people_see_the_qr_code_in_the_terminal(run) -> None:
    """Blocks to be photographed, beside the address itself."""
    code, printed, _ = run(*WANG, "auditor", machine=False)

    assert code == 0
    assert "█" in printed or "▀" in printed
    assert "otpauth://" in printed


@pytest.mark.parametrize(
    "roles", [("auditor", "operator"), ("security", "data_admin"), ("renderer",), ("king",)]
)
def test_roles_of_two_hands_or_of_a_system_are_refused(run, roles: tuple[str, ...]) -> None:
    """The command ends with a sentence, nobody is added, and the refusal is an entry."""
    arguments = [part for role in roles for part in ("--role", role)]
    code, _, said = run(*WANG[:-1], *arguments)

    assert code == 1
    assert "Nobody may unite" in said or "An operator holds" in said
    assert run("operator", "list")[1]["operators"] == []
    assert [(each["kind"], each["roles"]) for each in leaves(run)] == [("roles.refused", sorted(roles))]


def test_roles_are_replaced_an_operator_is_reset_and_disabled(run) -> None:
    """By login or id; each is an entry with the roles held from then on."""
    made = run(*WANG, "operator")[1]
    changed = run("operator", "roles", "wang", "--role", "auditor")[1]
    fresh = run("operator", "reset", made["id"])[1]
    gone = run("operator", "disable", "wang")[1]

    assert changed["roles"] == ["auditor"]
    assert fresh["password"] != made["password"]
    assert gone["disabled_at"] is not None
    assert [(each["what"], each["roles"]) for each in leaves(run)] == [
        ("added", ["operator"]),
        ("roles", ["auditor"]),
        ("reset", ["auditor"]),
        ("disabled", ["auditor"]),
    ]


@pytest.mark.parametrize("command", ["disable", "reset"])
def test_nobody_is_nobody(run, command: str) -> None:
    """A sentence and exit 1."""
    code, _, said = run("operator", command, "li")
    assert code == 1
    assert "There is no operator" in said


def test_two_operators_cannot_share_a_login(run) -> None:
    """The second is refused."""
    run(*WANG, "operator")
    assert run(*WANG, "operator")[0] == 1


@pytest.mark.parametrize("login", ["x", "王工", "a b", "-dash", "a" * 65])
def test_a_login_is_plain(run, login: str) -> None:
    """Small letters, digits and a few marks."""
    assert (
        run("operator", "add", "--name", "x", "--department", "y", "--role", "operator", "--", login)[0] != 0
    )


def test_a_client_is_registered_by_its_keys(run, tmp_path: Path) -> None:
    """A JWK Set from a file; no secret is made; tokens may have to be bound."""
    file = tmp_path / "keys.json"
    key = OKPKey.generate_key("Ed25519", {"kid": "k1"})
    file.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    made = run(*HALL, "--jwks", file, "--bound", "dpop")[1]

    assert (made["proof"], made["bound"], made["secret"]) == ("private_key_jwt", "dpop", None)
    assert [each["id"] for each in run("client", "list")[1]["clients"]] == ["hall"]
    assert [(each["what"], each["client"], each["roles"]) for each in leaves(run)] == [
        ("added", "hall", ["renderer"])
    ]


def test_a_client_without_keys_gets_a_secret_in_development(run) -> None:
    """Printed once, kept as a hash; people are told so."""
    code, printed, _ = run(*HALL, machine=False)
    assert code == 0
    assert "secret" in printed
    assert "secret_hash" not in json.dumps(run("client", "list")[1])


def test_private_keys_are_not_registered(run, tmp_path: Path) -> None:
    """Whoever sends a private key has leaked it; so is a file that is no JWK Set refused."""
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [OKPKey.generate_key("Ed25519").as_dict(private=True)]}))
    code, _, said = run(*HALL, "--jwks", file)
    file.write_text("[]")

    assert (code, "private" in said) == (1, True)
    assert run(*HALL, "--jwks", file)[0] == 2
    assert run(*HALL, "--jwks", tmp_path / "none.json")[0] == 2


@pytest.mark.parametrize("roles", [("auditor", "data_admin"), ("portal", "auditor"), ("person",)])
def test_a_client_holds_roles_of_one_hand(run, roles: tuple[str, ...]) -> None:
    """Refused when it is registered and when it is given roles later; both are entries."""
    arguments = [part for role in roles for part in ("--role", role)]
    first = run(*HALL[:-2], *arguments)[0]
    run(*HALL)
    later = run("client", "roles", "hall", *arguments)[0]

    assert (first, later) == (1, 1)
    assert [each["kind"] for each in leaves(run)] == ["roles.refused", "client.changed", "roles.refused"]


@pytest.mark.parametrize("name", ["oncegate", "person", "command-line"])
def test_no_client_takes_a_name_that_entries_give_to_others(run, name: str) -> None:
    """Else its releases would read as the person's own, or as the service's."""
    code, _, said = run("client", "add", name, "--department", "政务服务", "--role", "renderer")

    assert code == 1
    assert name in said
    assert leaves(run) == []


def test_a_client_is_given_roles_and_disabled(run) -> None:
    """Each is an entry; an unknown role, binding or client is a sentence; nothing is registered twice."""
    run(*HALL)
    changed = run("client", "roles", "hall", "--role", "portal")[1]
    gone = run("client", "disable", "hall")[1]

    assert (changed["roles"], gone["disabled_at"] is not None) == (["portal"], True)
    assert run("client", "roles", "hall", "--role", "king")[0] == 1
    assert run("client", "disable", "li")[0] == 1
    assert run(*HALL)[0] == 1
    assert run("client", "add", "h2", "--department", "x", "--role", "renderer", "--bound", "rope")[0] == 1
