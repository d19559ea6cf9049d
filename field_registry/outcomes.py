"""Outcome codes and tiers: the two closed lists every answer of the gateway is made of.

An outcome says what happened to one field. Its sentence is written for the applicant, in Chinese and English;
`fixed_by` says who can do something about it and `retry` whether asking again soon can help.
The list is closed (contract, section 2): adding a code is a decision record, renaming one is a breaking change.
"""

from dataclasses import dataclass

from field_registry.words import Word


class Tier(Word):
    """How far a value can be relied upon, best first. Tiers C, D and E never outrank A or B."""

    A = "A"
    """Authoritative register."""
    B = "B"
    """Electronic licence (电子证照)."""
    C = "C"
    """Profile write-back confirmed by the person (一人一档 / 一企一档)."""
    D = "D"
    """Read from a document (OCR)."""
    E = "E"
    """Derived; a derived value has the lowest tier of its inputs."""


class Disposition(Word):
    """What became of one eligible slot at submission; exactly one per slot (contract, section 2)."""

    kept = "kept"
    """What was offered, by its normalised value."""
    edited = "edited"
    disputed = "disputed"
    """What was offered is said to be wrong; the person's own value stands beside it."""
    cleared = "cleared"
    typed = "typed"
    """Nothing was offered; the person filled it in."""
    blank = "blank"


class OutcomeCode(Word):
    """What happened to one field; exactly one per field."""

    filled = "filled"
    filled_stale = "filled_stale"
    empty_at_source = "empty_at_source"
    not_found = "not_found"
    not_applicable = "not_applicable"
    no_binding = "no_binding"
    no_ground = "no_ground"
    refused_by_person = "refused_by_person"
    denied_by_source = "denied_by_source"
    identity_unbound = "identity_unbound"
    identity_ambiguous = "identity_ambiguous"
    source_error = "source_error"
    timeout = "timeout"
    circuit_open = "circuit_open"
    maintenance = "maintenance"
    pending = "pending"
    conflict = "conflict"
    invalid_value = "invalid_value"
    wrong_subject = "wrong_subject"
    disputed = "disputed"
    skipped_hidden = "skipped_hidden"
    office_use = "office_use"


FILLED = frozenset({OutcomeCode.filled, OutcomeCode.filled_stale})
"""The outcomes that carry a value. No other outcome ever does."""


class FixedBy(Word):
    """Who can do something about an outcome."""

    nobody = "nobody"
    applicant = "applicant"
    clerk = "clerk"
    source = "source"
    data_admin = "data_admin"
    policy = "policy"


@dataclass(frozen=True, slots=True)
class OutcomeText:
    """What a person is told about an outcome, and what can be done."""

    zh: str
    en: str
    fixed_by: FixedBy
    retry: bool


_C = OutcomeCode
OUTCOME_TEXTS: dict[OutcomeCode, OutcomeText] = {
    _C.filled: OutcomeText("已自动填写，请核对。", "Filled for you; please check it.", FixedBy.nobody, False),
    _C.filled_stale: OutcomeText(
        "已自动填写，但数据时间较早，请核对后使用。",
        "Filled, but the data is not recent; please check it.",
        FixedBy.applicant,
        False,
    ),
    _C.empty_at_source: OutcomeText(
        "数源有您的记录，但此项为空，请填写。",
        "The register has your record but not this item; please fill it in.",
        FixedBy.source,
        False,
    ),
    _C.not_found: OutcomeText(
        "数源中没有查到相关记录，请填写。",
        "The register has no record for this subject; please fill it in.",
        FixedBy.applicant,
        False,
    ),
    _C.not_applicable: OutcomeText(
        "数源不登记这类主体，请填写。",
        "The register does not hold this kind of subject; please fill it in.",
        FixedBy.data_admin,
        False,
    ),
    _C.no_binding: OutcomeText(
        "此项尚未接入数源，请填写。",
        "No source is connected for this field yet; please fill it in.",
        FixedBy.data_admin,
        False,
    ),
    _C.no_ground: OutcomeText(
        "没有取得此项数据的授权或法定依据，请授权或自行填写。",
        "There is no consent or legal ground to fetch this; agree to it or fill it in.",
        FixedBy.applicant,
        False,
    ),
    _C.refused_by_person: OutcomeText(
        "您未同意调取此项，请自行填写。",
        "You chose not to have this fetched; please fill it in.",
        FixedBy.applicant,
        False,
    ),
    _C.denied_by_source: OutcomeText(
        "数源单位未准许提供此项，请填写。",
        "The source declined to provide this; please fill it in.",
        FixedBy.source,
        False,
    ),
    _C.identity_unbound: OutcomeText(
        "尚未确定此项所属人员或单位的身份，请先补充其证件。",
        "It is not known whose data this is; give that person's or organisation's identity first.",
        FixedBy.clerk,
        False,
    ),
    _C.identity_ambiguous: OutcomeText(
        "按所给证件查到多条记录，无法确定是哪一位，请到窗口核实。",
        "The identity matches more than one record; please have it verified at the counter.",
        FixedBy.clerk,
        False,
    ),
    _C.source_error: OutcomeText(
        "数源暂时出错，请先手工填写。",
        "The source answered with an error; please fill it in for now.",
        FixedBy.source,
        True,
    ),
    _C.timeout: OutcomeText(
        "数源暂时取不到，请先手工填写。",
        "The source did not answer in time; please fill it in for now.",
        FixedBy.source,
        True,
    ),
    _C.circuit_open: OutcomeText(
        "数源连续出错，已暂停访问，请先手工填写。",
        "The source has been failing and is not being asked for now; please fill it in.",
        FixedBy.source,
        True,
    ),
    _C.maintenance: OutcomeText(
        "数源正在维护，请先手工填写或稍后再试。",
        "The source is under maintenance; fill it in or try later.",
        FixedBy.source,
        True,
    ),
    _C.pending: OutcomeText(
        "正在等待对方部门答复，稍后会自动填写。",
        "Waiting for another department's reply; it will be filled when it arrives.",
        FixedBy.source,
        True,
    ),
    _C.conflict: OutcomeText(
        "两个数源的记载不一致，请填写正确的内容。",
        "Two registers disagree about this; please fill in what is right.",
        FixedBy.source,
        False,
    ),
    _C.invalid_value: OutcomeText(
        "数源返回的内容不符合规范，未采用，请填写。",
        "What the register holds is not valid and was not used; please fill it in.",
        FixedBy.source,
        False,
    ),
    _C.wrong_subject: OutcomeText(
        "数源返回的不是本人（本单位）的记录，已拦截，请填写。",
        "The source answered about somebody else; it was stopped. Please fill it in.",
        FixedBy.source,
        False,
    ),
    _C.disputed: OutcomeText(
        "此项正在异议核实中，请填写您认为正确的内容。",
        "This value is under correction; please fill in what you believe is right.",
        FixedBy.source,
        False,
    ),
    _C.skipped_hidden: OutcomeText(
        "此项当前不需要填写。",
        "This field is not shown at present.",
        FixedBy.nobody,
        False,
    ),
    _C.office_use: OutcomeText(
        "此项由办理机关填写。",
        "This field is for the office to fill in.",
        FixedBy.clerk,
        False,
    ),
}
