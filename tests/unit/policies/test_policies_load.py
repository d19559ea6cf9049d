"""Directory → policy, and every fault with file, line and remedy."""

from pathlib import Path

import pytest

from field_registry.errors import FaultsFound
from policies import GroundKind
from policies.load import load_policy

GOOD = """\
purposes:
  - code: transport.vehicle-review
    name: 车辆年审
rules:
  - id: R-010
    effect: permit
    why: The owner agrees.
    when: {purposes: [transport.vehicle-review], items: ["vehicle.*"]}
    ground: {kind: consent}
"""


def faults(directory: Path) -> list[str]:
    """The faults of a directory, as a compiler prints them."""
    with pytest.raises(FaultsFound) as caught:
        load_policy(directory)
    return [str(fault) for fault in caught.value.faults]


def test_a_directory_is_one_policy(tmp_path):
    """Any number of files makes one policy of version 0, with the place of each entry."""
    (tmp_path / "a.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "b.yaml").write_text("rules: [{id: R-900, effect: forbid, why: Never.}]", encoding="utf-8")

    loaded = load_policy(tmp_path)

    permit, forbid = loaded.policy.rules.rules
    assert loaded.policy.version == 0
    assert loaded.policy.purposes["transport.vehicle-review"].name == "车辆年审"
    assert (permit.id, permit.when.items, permit.ground.kind) == ("R-010", {"vehicle.*"}, GroundKind.consent)
    assert (forbid.id, forbid.ground) == ("R-900", None)
    assert str(loaded.rules[0][1].fault("x", "here", "when")) == "a.yaml:8: here [x]"


def test_an_empty_directory_is_no_policy(tmp_path):
    """A wrong path is not taken for a policy that permits nothing."""
    assert faults(tmp_path) == [
        ".:0: no *.yaml file here; a policy needs at least one with `purposes` and `rules` [no_policy]"
    ]


def test_all_faults_of_all_files_are_found(tmp_path):
    """One reading tells everything that is wrong, in every file."""
    (tmp_path / "a.yaml").write_text("rules: [\n", encoding="utf-8")
    (tmp_path / "b.yaml").write_text("- not\n- a mapping\n", encoding="utf-8")
    (tmp_path / "c.yaml").write_bytes("rules: 车".encode("gbk"))
    (tmp_path / "d.yaml").write_text(GOOD, encoding="utf-8")

    found = faults(tmp_path)

    assert [each.partition(":")[0] for each in found] == ["a.yaml", "b.yaml", "c.yaml"]
    assert found[1] == "b.yaml:1: the file must be a mapping [bad_value]"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("effect: permit", "effect: permits", "6: 'permits' is not one of permit, forbid. Did you mean 'permit'? [unknown_word]"),
        ("    effect: permit\n", "", "5: 'effect' is missing; add it [missing_key]"),
        ("    ground: {kind: consent}\n", "", "5: a permit must state its ground, e.g. `ground: {kind: consent}` [missing_key]"),
        ("kind: consent", "kind: consnt", "9: 'consnt' is not one of consent, statutory_duty, emergency, other_law. Did you mean 'consent'? [unknown_word]"),
        ("purposes: [t", "purpose: [t", "8: unknown key 'purpose'. Did you mean 'purposes'? Known: "),
        ('["vehicle.*"]', '["vehicle*"]', "8: 'vehicle*' cannot be used: an item is an exact id"),
        ('["vehicle.*"]', "[]", "8: 'items' is an empty list, which would never match; leave the key out to match any [bad_value]"),
        ("id: R-010", "id: 10", "5: 'id' must be text (quote numbers: \"12\") [bad_value]"),
        ("id: R-010", "id: R 010", "5: 'R 010' cannot be used: a rule id is letters"),
        ("The owner agrees.", '""', "7: 'why' is empty; write something [bad_value]"),
        ("effect: permit", "effect: forbid", "9: 'ground' does not belong to a forbid; only a permit has a ground [bad_value]"),
        ("code: transport.", "code: Transport.", "2: 'Transport.vehicle-review' cannot be used: a purpose code"),
    ],
)  # fmt: skip
def test_each_fault_names_line_and_remedy(tmp_path, old, new, fault):
    """What is wrong, in which line, and what to write instead."""
    assert old in GOOD
    (tmp_path / "p.yaml").write_text(GOOD.replace(old, new, 1), encoding="utf-8")

    (found,) = faults(tmp_path)

    assert found.startswith(f"p.yaml:{fault}")


def test_the_shipped_example_loads():
    """The policy that comes with the product is one that can be read."""
    directory = Path(__file__).parents[3] / "policies" / "data"
    if not any(directory.glob("*.yaml")):
        pytest.skip("no example policy in this checkout")

    assert load_policy(directory).policy.rules.rules
