"""Notices of what is fetched under the law: their text, and that one was given (PIPL art. 17, 18 and 35).

The text is made from the published form, registry and rules, and is the same bytes for the same versions. Giving one
is an entry of the log: whom it was about, for which form, which duties and items, and the hash of what was shown.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from field_registry import Subject, SubjectKind
from field_registry.errors import BadIdentifier
from field_registry.identifiers import subject_from
from forms.definition import Form, Role
from gateway.audit.entries import make_entry, rfc3339
from gateway.consents.duties import Duty, duties_of
from gateway.consents.notice import NoticeLine, lines_from
from gateway.errors import NotFound, NotValid
from gateway.records import Caller, Entry, EntryKind, GateRequest, GateWrite
from gateway.resolution.compiled import CompiledForm, compile_form
from gateway.runtime import Runtime
from policies.grounds import GroundKind

DUTY_NOTICE_ID = "oncegate.duty-notice"
DUTY_NOTICE_VERSION = 1
LANGUAGES = ("zh-CN", "en")
_SKEW = timedelta(minutes=1)
_KIND_WORDS = {
    GroundKind.statutory_duty: {"zh": "履行法定职责", "en": "a statutory duty"},
    GroundKind.emergency: {"zh": "应对紧急情况", "en": "an emergency"},
    GroundKind.other_law: {"zh": "法律、行政法规规定的其他情形", "en": "another law"},
}


@dataclass(frozen=True, slots=True)
class DutyNotice:
    """A notice as it is to be shown. `sha256`: of the text's UTF-8 bytes, hexadecimal."""

    form: tuple[str, int]
    role: str
    kinds: frozenset[SubjectKind]
    language: str
    purpose: str
    lines: tuple[NoticeLine, ...]
    duties: tuple[Duty, ...]

    @property
    def text(self) -> str:
        """The lines as shown, joined by line feeds."""
        return "\n".join(line.text for line in self.lines)

    @property
    def sha256(self) -> str:
        """The hash of the text exactly as shown."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class GiveNotice:
    """A notice that was shown to somebody. `version`, `rendered_sha256`: of the text as it was shown."""

    subject: Mapping[str, Any] = field(repr=False)
    form: str
    form_version: int | None
    role: str
    version: int
    language: str
    rendered_sha256: str
    shown_at: datetime
    channel: str
    actor_kind: str
    actor_id: str = field(repr=False)


async def duty_notice(
    form_id: str, version: int | None, role: str, language: str, caller: Caller, runtime: Runtime
) -> DutyNotice:
    """The notice for that role of that form, as the caller's department gives it.

    Raises `NotFound` for an unknown form or role, and when nothing about the role is fetched without consent.
    """
    form = await runtime.library.form(form_id, version)
    told = form.role(role)
    if told is None:
        raise NotFound("unknown_role", "This form has no such role. GET /v1/forms/{id} names them.")
    compiled: CompiledForm = runtime.library.compiled(form, compile_form)
    duties = duties_of(compiled, role, caller.department, caller.roles)
    if not duties:
        raise NotFound("no_duty", "Nothing about this role is fetched by your department without consent.")
    words = _words(form, told, duties, caller, runtime)
    lines = lines_from(f"duty-notice-{DUTY_NOTICE_VERSION}.{language}.txt", words)
    return DutyNotice((form.id, form.version), role, told.kinds, language, form.purpose, lines, duties)


async def give_notice(command: GiveNotice, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """What was noted, once its entry is durable. Raises `NotValid` for what cannot be, `NotFound` as `duty_notice`."""
    now = runtime.clock()
    subject = _subject_of(command, now)
    language = command.language if command.language in LANGUAGES else LANGUAGES[0]
    notice = await duty_notice(command.form, command.form_version, command.role, language, caller, runtime)
    if subject.kind not in notice.kinds:
        raise _not_valid("/subject/kind", "wrong_kind", f"The role takes: {', '.join(sorted(notice.kinds))}.")
    ref = await runtime.subjects.ref_of(runtime.subjects.key_of(subject), subject.kind)
    about = {"subject": ref, "subject_kind": subject.kind.value, "department": caller.department}
    entry = make_entry(
        runtime.new_reference("aud", now),
        EntryKind.notice_given,
        now,
        caller=caller.id,
        request=runtime.new_reference("ntc", now),
        facts={**about, **_facts(command, notice), "policy": runtime.library.published.policy.version},
        private={"actor": command.actor_id},
        sealer=runtime.sealer,
        key=(await runtime.subjects.keys_of((ref,))).get(ref),
    )
    await runtime.ledger.pass_gate(GateRequest((), lambda _: GateWrite(entry, None)))
    runtime.telemetry.entries(EntryKind.notice_given)
    return given_view(entry)


async def read_given(notice_id: str, runtime: Runtime) -> dict[str, Any]:
    """The same, of a notice that was noted before. Raises `NotFound`."""
    for entry in await runtime.store.entries.find(request=notice_id, after="", limit=1):
        if entry.kind is EntryKind.notice_given:
            return given_view(entry)
    raise NotFound("unknown_notice", "There is no such notice.")


def given_view(entry: Entry) -> dict[str, Any]:
    """A noted notice as callers see it."""
    leaf = orjson.loads(entry.leaf)
    return {
        "id": leaf["request"],
        "entry": entry.id,
        "noted_at": leaf["at"],
        "subject": {"ref": leaf["subject"], "kind": leaf["subject_kind"]},
        "form": {"id": leaf["form"][0], "version": leaf["form"][1]},
        "role": leaf["role"],
        "purpose": leaf["purpose"],
        "duties": [_duty_view(duty) for duty in leaf["duties"]],
        "rendered_sha256": leaf["rendered_sha256"],
        "as_rendered": leaf["as_rendered"],
    }


def _duty_view(duty: list[Any]) -> dict[str, Any]:
    kind, code, citation, rule, items = duty
    return {"kind": kind, "code": code, "citation": citation, "rule": rule, "items": items}


def _subject_of(command: GiveNotice, now: datetime) -> Subject:
    if command.shown_at > now + _SKEW:
        raise _not_valid("/notice/shown_at", "in_the_future", "A notice is noted after it was shown.")
    try:
        return subject_from(command.subject)
    except BadIdentifier as error:
        raise _not_valid("/subject", error.code, str(error)) from None


def _facts(command: GiveNotice, notice: DutyNotice) -> dict[str, Any]:
    return {
        "actor": command.actor_kind,
        "form": list(notice.form),
        "role": notice.role,
        "purpose": notice.purpose,
        "duties": [
            [duty.kind.value, duty.code, duty.citation, duty.rule, [each.item for each in duty.items]]
            for duty in notice.duties
        ],
        "notice": command.version,
        "language": command.language,
        "channel": command.channel,
        "shown_at": rfc3339(command.shown_at),
        "rendered_sha256": command.rendered_sha256,
        # Whether what was shown is the text that stands here; a department may use words of its own.
        "as_rendered": command.rendered_sha256 == notice.sha256,
    }


def _words(
    form: Form, role: Role, duties: tuple[Duty, ...], caller: Caller, runtime: Runtime
) -> dict[str, Any]:
    purpose = runtime.library.published.policy.purposes.get(form.purpose)
    name = purpose.name if purpose else form.purpose
    return {
        "controller": {
            "name": caller.department,
            "name_en": caller.department,
            "contact": runtime.settings.contacts.get(caller.department, ""),
        },
        "form": {
            "name": form.name,
            "name_en": form.name_en or form.name,
            "version": form.version,
            "matter": form.matter,
        },
        "purpose": {
            "name": name,
            "name_en": (purpose.name_en if purpose else "") or name,
            "citation": purpose.citation if purpose else "",
        },
        "role": {"label": role.label, "label_en": role.label_en or role.label},
        "grounds": [
            {
                "kind": _KIND_WORDS[duty.kind],
                "code": duty.code,
                "citation": duty.citation,
                "why": duty.why.rstrip("。"),
                "covers": duty.items,
            }
            for duty in duties
        ],
    }


def _not_valid(pointer: str, code: str, detail: str) -> NotValid:
    finding = {"pointer": pointer, "code": code, "detail": detail}
    return NotValid(
        "notice_not_valid", "The notice was not noted; correct what `errors` names.", errors=[finding]
    )
