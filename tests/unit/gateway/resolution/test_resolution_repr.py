"""What a traceback or a log line may print of a request under way shows nobody's data."""

from typing import Any

from forms.definition import Field
from gateway.http.schemas.resolutions import ResolveBody
from gateway.records import Actor
from gateway.runtime import Runtime

NAME = Field("name", "姓名", item="person.name")
NOTE = Field("note", "备注")
FOUND, TYPED = "陈小满", "我是李四"


def test_a_worker_is_shown_by_kind_alone() -> None:
    """The caller's own name for a person is sealed in the log, and stays out of everything else."""
    assert repr(Actor("clerk", "clerk-17")) == "Actor(kind='clerk')"


async def test_what_left_is_not_shown(bench: Any, runtime: Runtime) -> None:
    """Neither what was found or typed, nor whom it is about, who worked, and on which case."""
    plan = bench.plan(bench.form(NAME, NOTE), answers={"note": TYPED})
    passage = bench.passage(plan, answers={"note": TYPED})
    replies = bench.replies(plan, {"person.name": bench.found(FOUND)})
    released = await bench.release(passage, bench.decisions(plan), replies, runtime)

    shown = f"{plan} {passage} {released}"

    assert FOUND in released.body.decode()
    for private in (FOUND, repr(FOUND.encode())[2:-1], TYPED, bench.ann["id_no"], "case-9", "clerk-17"):
        assert private not in shown


def test_a_request_is_not_shown() -> None:
    """The body of a call, with every kind of identifier."""
    subjects = [
        {"kind": "person", "id_type": "111", "id_no": "private-1"},
        {"kind": "organisation", "uscc": "private-2"},
        {"kind": "vehicle", "plate_number": "private-3"},
        {"kind": "project", "project_code": "private-4"},
    ]
    body = ResolveBody.model_validate(
        {
            "form": {"id": "f"},
            "subjects": {f"role{place}": subject for place, subject in enumerate(subjects)},
            "actor": {"kind": "clerk", "id": "private-5"},
            "case": "private-6",
            "answers": {"note": "private-7"},
        }
    )

    assert body.answers == {"note": "private-7"}
    assert "private" not in f"{body!r} {body}"
