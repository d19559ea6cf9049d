"""The words of a person's ledger, Chinese and English: for whoever wants to know who used their data. Pure.

Not the sentences of `policies.reasons` and `field_registry.outcomes`: those tell an applicant what to do next, these
tell what happened.
"""

from collections.abc import Mapping
from typing import Literal

from field_registry import OutcomeCode
from policies.grounds import GroundKind, ReasonCode

Language = Literal["zh", "en"]
Words = tuple[str, str]
"""Chinese, English."""

_O, _R, _G = OutcomeCode, ReasonCode, GroundKind

ACTORS: Mapping[str, Words] = {
    "clerk": ("窗口工作人员", "clerk"),
    "applicant": ("申请人", "applicant"),
    "agent": ("代办人", "agent"),
    "terminal": ("自助终端", "terminal"),
}

GROUNDS: Mapping[str, Words] = {
    _G.consent: ("授权", "consent"),
    _G.statutory_duty: ("法定职责", "statutory duty"),
    _G.emergency: ("紧急情况", "emergency"),
    _G.other_law: ("其他法律规定", "other law"),
}

REASONS: Mapping[str, Words] = {
    _R.allowed: ("已有依据", "there was a ground"),
    _R.no_rule: ("没有规则允许", "no rule allows it"),
    _R.forbidden: ("规则禁止", "a rule forbids it"),
    _R.not_shared: ("不予共享的数据", "not shared between departments"),
    _R.already_answered: ("已自行填写，无需调取", "typed in already, no need to fetch it"),
    _R.no_consent: ("未取得授权", "no consent was given"),
    _R.consent_unknown: ("所引用的授权不存在", "the consent referred to does not exist"),
    _R.consent_other_subject: ("所用授权属于他人", "the consent is somebody else's"),
    _R.consent_other_purpose: ("所用授权是为其他事项", "the consent is for another matter"),
    _R.consent_other_recipient: ("所用授权未包括该部门", "the consent does not name that department"),
    _R.consent_not_given: ("授权尚未生效", "the consent was not in force"),
    _R.consent_refused: ("未同意授权", "consent was refused"),
    _R.consent_withdrawn: ("授权已撤回", "the consent had been withdrawn"),
    _R.consent_paused: ("授权已暂停", "the consent was paused"),
    _R.consent_not_yet: ("授权尚未到开始时间", "the consent had not begun"),
    _R.consent_expired: ("授权已过期", "the consent had expired"),
    _R.consent_used_up: ("授权次数已用完", "the consent was used up"),
    _R.consent_other_case: ("所用授权是为另一件办件", "the consent is for another case"),
    _R.consent_too_often: (
        "授权约定的使用频次已满",
        "the consent was used as often as it allows at the time",
    ),
    _R.consent_ended: ("授权已终止", "the consent had ended"),
    _R.consent_outdated: (
        "授权后数据来源或共享属性有变化",
        "where it comes from or how it is shared had changed since the consent",
    ),
    _R.item_not_covered: ("授权内容未包括此项", "the consent does not include it"),
    _R.item_refused: ("未同意调取此项", "fetching it was refused"),
    _R.disputed: ("此项正在异议核实中", "it is under correction"),
}

SILENCES: Mapping[str, Words] = {
    _O.empty_at_source: ("数源中此项为空", "empty at the source"),
    _O.not_found: ("数源没有记录", "no record at the source"),
    _O.not_applicable: ("数源不登记这类主体", "not a kind of subject the source holds"),
    _O.no_binding: ("未接入数源", "no source is connected"),
    _O.no_ground: ("没有依据", "no ground"),
    _O.refused_by_person: ("未同意调取", "refused by the person"),
    _O.denied_by_source: ("数源单位未准许", "denied by the source"),
    _O.identity_unbound: ("身份未确定", "identity not known"),
    _O.identity_ambiguous: ("查到多条记录，无法确定", "more than one record, not decided"),
    _O.source_error: ("数源出错", "error at the source"),
    _O.timeout: ("数源未及时答复", "the source did not answer in time"),
    _O.circuit_open: ("数源连续出错，暂停访问", "the source had been failing and was not asked"),
    _O.maintenance: ("数源维护", "the source was under maintenance"),
    _O.pending: ("等待答复", "waiting for a reply"),
    _O.conflict: ("两个数源不一致", "two sources differ"),
    _O.invalid_value: ("内容不合规范，未采用", "not valid, not used"),
    _O.wrong_subject: ("数源答复了他人的记录，已拦截", "the source answered about somebody else; stopped"),
    _O.disputed: ("异议核实中", "under correction"),
    _O.skipped_hidden: ("不需要填写", "not shown"),
    _O.office_use: ("由办理机关填写", "for the office"),
}
"""Why a field that was asked for carries no value; by outcome code."""

EVENTS: Mapping[str, Words] = {
    "consent.requested": ("请求授权", "Consent was asked for"),
    "consent.given": ("给出授权", "Consent given"),
    "consent.refused": ("拒绝授权", "Consent refused"),
    "consent.deferred": ("暂不决定是否授权", "The decision on a consent was put off"),
    "consent.paused": ("暂停授权", "Consent paused"),
    "consent.resumed": ("恢复授权", "Consent resumed"),
    "consent.withdrawn": ("撤回授权", "Consent withdrawn"),
    "consent.renewed": ("更新授权", "Consent renewed"),
    "consent.expired": ("授权到期", "Consent expired"),
    "consent.terminated": ("授权因事项办结而终止", "Consent ended, its matter being over"),
    "consent.invalidated": ("授权被宣布无效", "Consent declared void"),
    "consent.rejected": ("授权不符合要求，未予登记", "A consent was not recorded, as it breaks a rule"),
    "consent.request_expired": ("授权请求逾期未答复", "A request for consent was not answered in time"),
    "consent.request_invalidated": (
        "授权请求因多次核对身份失败而作废",
        "A request for consent was cancelled after failed checks of identity",
    ),
    "receipt.issued": ("开具数据调用凭证", "A call receipt was issued"),
    "form.printed": ("打印填好的表单", "The filled form was printed"),
    "submission.received": ("提交了表单", "The form was handed in"),
    "submission.corrected": ("提交后的统计口径被更正", "How the form handed in is counted was corrected"),
    "submission.refused": ("提交的表单未被接收", "The form handed in was not taken"),
    "submission.too_late": (
        "提交时回填结果已过期，自填内容暂存一天",
        "The form was handed in too late; what was typed is kept for a day",
    ),
    "notice.given": ("已告知依法调取数据", "Told that data is fetched as the law provides"),
    "person.identified": ("本人身份核验通过", "The person was identified"),
    "identity.linked": ("关联本人的另一证件", "Another document of the same subject was linked"),
    "identity.unlinked": ("解除证件关联", "The link between two documents was ended"),
    "identity.refused": ("证件关联未予办理", "Two documents were not linked"),
    "person.refused": ("身份核验未通过", "The person could not be identified"),
    "profile.kept": (
        "同意留存本人填写的内容，供下次办事使用",
        "Agreed that what was typed is kept for next time",
    ),
    "profile.deleted": ("删除了留存的内容", "What was kept was deleted"),
    "profile.read": ("查看了留存的内容", "What is kept was shown"),
    "dispute.opened": ("对数据提出异议", "A value was disputed"),
    "dispute.read": ("查看了异议的内容", "What was said in a dispute was shown"),
    "dispute.reminded": ("提醒有关部门答复异议", "The department was reminded of a dispute"),
    "dispute.escalated": (
        "异议逾期未答复，已上报",
        "A dispute was not answered in time and went to the department above",
    ),
    "dispute.joined": ("就同一异议补充了理由或证据", "More was said in a dispute that was open already"),
    "dispute.referred": ("异议转由其他部门核实", "A dispute was referred to another department"),
    "dispute.corrected": ("异议成立，数据已更正", "A dispute was right, and the data was corrected"),
    "dispute.upheld": ("经核实数据无误，异议未成立", "A disputed value was checked and stands"),
    "dispute.withdrawn": ("撤回异议", "A dispute was withdrawn"),
    "subject.erased": ("本人数据已删除", "The data was erased"),
    "subject.erasure_refused": (
        "删除请求依法未予执行",
        "Erasure was refused, as the law wants the records kept",
    ),
    "audit.lookup": ("查询本人数据的使用记录", "Who used the data was looked up"),
    "audit.opened": (
        "审计人员查看了经办人和案件编号",
        "An auditor opened who had worked, and on which case",
    ),
}
"""What else is done about a person. Resolutions are told by `RESULTS`."""

ABOUT_NOBODY: frozenset[str] = frozenset(
    {
        "access.refused",
        "baseline.frozen",
        "client.changed",
        "consent.requests_purged",
        "dispute.purged",
        "drafts.purged",
        "form.published",
        "keys.rewrapped",
        "keys.rotated",
        "log.refused",
        "log.shard_opened",
        "log.witness_refused",
        "operator.beset",
        "operator.changed",
        "operator.locked",
        "operator.logged_in",
        "operator.login_refused",
        "operator.session_ended",
        "policy.published",
        "profile.purged",
        "registry.published",
        "roles.refused",
        "sealing_key.changed",
        "submissions.purged",
    }
)
"""Kinds of entry that name no subject and stand in nobody's ledger."""

RESULTS: Mapping[str, Words] = {
    "released": ("已提供 {} 个字段", "{} fields were provided"),
    "released_some": ("已提供数据", "Data was provided"),
    "nothing_found": ("没有取得数据，未提供", "Nothing was found, nothing was provided"),
    "withheld": ("已调取，但提供前依据已失效，未提供", "Withheld: the ground had ended before anything left"),
    "refused": ("拒绝调取，未提供", "Refused; nothing was fetched or provided"),
    "not_asked": ("没有调取", "Nothing was fetched"),
    "unknown": (
        "结果不明，按已提供看待",
        "The outcome is not known; it is to be taken as provided",
    ),
    "in_progress": ("正在办理，尚无结果", "At work, no outcome yet"),
    "reread": ("已提供的结果被再次查看", "The answer given before was given again"),
    "reread_withheld": ("再次查看时授权已终止，未提供", "Withheld when asked for again: a consent had ended"),
    "looked_up": ("显示了 {} 条记录", "{} records were shown"),
    "noted": ("已记录", "Noted"),
}

DISPOSITIONS: Mapping[str, Words] = {
    "kept": ("{} 项沿用已填内容", "{} fields kept as they were filled"),
    "edited": ("{} 项修改", "{} changed"),
    "disputed": ("{} 项提出异议", "{} disputed"),
    "cleared": ("{} 项清除", "{} emptied"),
    "typed": ("{} 项自行填写", "{} typed"),
}
"""What became of fields of a form that was handed in; of those left open there is nothing to tell."""

LABELS: Mapping[str, Words] = {
    "matter": ("事项", "Matter"),
    "form": ("表单", "Form"),
    "roles": ("身份", "As"),
    "items": ("调取", "Fetched"),
    "about": ("数据项", "Items"),
    "test": ("测试申请", "a test"),
    "agreed": ("同意", "Agreed"),
    "refused": ("未调取", "Not fetched"),
    "denied": ("不同意", "Not agreed"),
    "withheld": ("未提供", "Withheld"),
    "silent": ("未取得", "Not obtained"),
    "ground": ("依据", "Ground"),
    "until": ("有效期至", "Until"),
    "recipients": ("接收部门", "Recipients"),
    "result": ("结果", "Result"),
    "entry": ("留痕", "Entry"),
    "version": ("（第 {} 版）", " (version {})"),
    "rule": ("规则 {}", "rule {}"),
    "fields": ("{} 个字段", "{} fields"),
    "itself": ("一采通", "OnceGate"),
    "person": ("本人", "The person"),
    "earlier": ("更早的还有 {} 条，未显示。", "{} earlier ones are not shown."),
    "none": ("没有使用记录。", "There is no record of any use."),
}


def say(words: Words, language: Language, *parts: object) -> str:
    """The words in that language, with these parts in their places."""
    return words[language == "en"].format(*parts)
