"""What a draft keeps beside the answer: for submissions, without a byte of the answer changed."""

from forms.definition import Field
from gateway.resolution.commands import Delivery
from gateway.resolution.draft_header import make_header, read_header
from gateway.resolution.drafts import open_answer, open_draft, seal_answer


def header_of(bench, settled, **changes):
    """The header of that answer, read again."""
    return read_header(make_header(settled, bench.command(**changes), {"applicant": "sub_1"}, "digest"))


def test_the_answer_is_what_it_was(runtime):
    """A header changes nothing of the answer; a draft without one is read as before."""
    with_one = seal_answer(b'{"answer":1}', "res_1", runtime.sealer, header=b'{"policy":5}')
    without = seal_answer(b'{"answer":1}', "res_1", runtime.sealer)

    assert open_draft(with_one, "res_1", runtime.sealer) == (b'{"answer":1}', b'{"policy":5}')
    assert open_draft(without, "res_1", runtime.sealer) == (b'{"answer":1}', b"")
    assert open_answer(with_one, "res_1", runtime.sealer) == open_answer(without, "res_1", runtime.sealer)
    assert read_header(b"") is None


def test_it_says_who_was_meant_under_which_policy(bench, runtime):
    """Roles, policy version, segment, the consents that were named and the digest of the case; nothing offered."""
    settled = bench.settled(
        bench.form(Field("name", "姓名", item="person.name")), {"person.name": bench.found("安妮")}
    )

    header = header_of(bench, settled)

    assert (header.roles, header.policy, header.segment) == ({"applicant": "sub_1"}, 5, "resident")
    assert header.consents == ("cns_a",)
    assert header.case_key == "digest"
    assert (header.offered, header.row_keys) == ({}, {})


def test_masked_values_are_kept_to_be_compared(bench, runtime):
    """What the answer shows masked stands in the header as it is."""
    settled = bench.settled(
        bench.form(Field("name", "姓名", item="person.name")), {"person.name": bench.found("安妮")}
    )

    assert header_of(bench, settled, delivery=Delivery.masked).offered == {"name": "安妮"}
    assert header_of(bench, settled).offered == {}


def test_rows_that_were_typed_are_known_by_what_was_typed(bench, runtime):
    """The answer does not repeat what the person typed; the header keeps it for the identity column alone."""
    rows = [{"child.name": "小明", "child.id_no": "110102199101010078"}]
    answers = {"children": [{"id_no": "110102199101010078", "birth_date": "1991-01-01"}]}
    settled = bench.settled(bench.family_form(), {"person.children": bench.found(rows)}, answers=answers)

    header = header_of(bench, settled, answers=answers)

    assert header.row_keys == {"children": {"0": "110102199101010078"}}
    assert "110102" not in repr(header)
