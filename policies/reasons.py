"""What a reason means outside: the outcome of the field, and one sentence that says what to do about it."""

from field_registry import OutcomeCode
from policies.grounds import ReasonCode

_R = ReasonCode
_BY_THE_PERSON = frozenset({_R.item_refused, _R.consent_refused})

_SENTENCES: dict[ReasonCode, tuple[str, str]] = {
    _R.allowed: (
        "已有依据，可以调取。",
        "There is a ground for this; it may be fetched.",
    ),
    _R.no_rule: (
        "没有规则允许为本事项调取此项，请自行填写；如确需调取，请数据管理员增设规则。",
        "No rule lets this matter fetch this item; fill it in, or have a data admin add a rule.",
    ),
    _R.forbidden: (
        "规则禁止为本事项调取此项，请自行填写。",
        "A rule forbids fetching this item for this matter; please fill it in.",
    ),
    _R.not_shared: (
        "此项属于不予共享的数据，请自行填写。",
        "This item is not shared between departments; please fill it in.",
    ),
    _R.already_answered: (
        "您已填写此项，不再调取。",
        "You have filled this in already, so it was not fetched.",
    ),
    _R.no_consent: (
        "尚未取得本人授权，请授权后重试，或自行填写。",
        "No consent was given yet; ask the person to agree and try again, or fill it in.",
    ),
    _R.consent_unknown: (
        "没有查到所引用的授权，请核对授权编号或重新授权。",
        "The consent referred to does not exist; check its id or ask for a new one.",
    ),
    _R.consent_other_subject: (
        "所用授权不是该当事人的，请由其本人授权。",
        "The consent is another person's; ask the person this data is about to agree.",
    ),
    _R.consent_other_purpose: (
        "所用授权是为其他事项给出的，请为本事项重新授权。",
        "The consent was given for another matter; ask for one for this matter.",
    ),
    _R.consent_other_case: (
        "所用授权是为另一件办件给出的，请为本次办理重新授权。",
        "The consent was given for another case; ask for one for this case.",
    ),
    _R.consent_other_recipient: (
        "所用授权未包括本部门，请重新授权。",
        "The consent does not name this department as recipient; ask for one that does.",
    ),
    _R.consent_not_given: (
        "授权尚未生效，请当事人先完成授权。",
        "The consent is not in force; ask the person to complete it first.",
    ),
    _R.consent_refused: (
        "当事人未同意授权，请自行填写。",
        "The person did not agree; please fill it in.",
    ),
    _R.consent_withdrawn: (
        "授权已撤回，请自行填写，或由当事人重新授权。",
        "The consent was withdrawn; fill it in, or the person may agree anew.",
    ),
    _R.consent_paused: (
        "授权已暂停，请当事人恢复授权，或自行填写。",
        "The consent is paused; the person can resume it, or fill this in.",
    ),
    _R.consent_not_yet: (
        "授权尚未到开始时间，请届时再试，或自行填写。",
        "The consent has not begun yet; try again when it has, or fill this in.",
    ),
    _R.consent_expired: (
        "授权已过期，请重新授权，或自行填写。",
        "The consent has expired; ask for a new one, or fill this in.",
    ),
    _R.consent_used_up: (
        "授权次数已用完，请重新授权，或自行填写。",
        "The consent has been used as often as it allows; ask for a new one, or fill this in.",
    ),
    _R.consent_too_often: (
        "授权约定的使用频次已满，请稍后再试，或自行填写。",
        "The consent has been used as often as it allows for now; try later, or fill this in.",
    ),
    _R.consent_ended: (
        "授权已终止，请重新授权，或自行填写。",
        "The consent has ended; ask for a new one, or fill this in.",
    ),
    _R.consent_outdated: (
        "此项的数据来源或共享属性在授权后有变化，请续签授权，或自行填写。",
        "Where this comes from, or how it is shared, has changed since the consent; renew it, or fill this in.",
    ),
    _R.item_not_covered: (
        "授权内容未包括此项，请补充授权，或自行填写。",
        "The consent does not include this item; ask for it to be added, or fill it in.",
    ),
    _R.item_refused: (
        "当事人未同意调取此项，请自行填写。",
        "The person chose not to have this item fetched; please fill it in.",
    ),
    _R.disputed: (
        "此项正在异议核实中，请填写您认为正确的内容。",
        "This value is under correction; please fill in what you believe is right.",
    ),
}


def outcome_of(reason: ReasonCode) -> OutcomeCode:
    """The outcome of a field whose ask was refused for this reason: the person's refusal, a dispute, or no ground."""
    if reason is ReasonCode.disputed:
        return OutcomeCode.disputed
    return OutcomeCode.refused_by_person if reason in _BY_THE_PERSON else OutcomeCode.no_ground


def sentence_of(reason: ReasonCode) -> tuple[str, str]:
    """What to tell the applicant or clerk, in Chinese and English: why, and what to do next."""
    return _SENTENCES[reason]
