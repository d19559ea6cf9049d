"""What a person's own pages say, Chinese with English beside: troubles, what was done, states, and periods."""

from collections.abc import Mapping
from typing import Any

from gateway.errors import GatewayError
from gateway.records import DisputeState
from gateway.web.words import Words
from policies import ConsentState

_AGAIN: Words = ("请返回重试。", "Go back and try again.")
_TROUBLES: Mapping[str, tuple[Words, Words]] = {
    "login_refused": (
        ("登录未被接受", "The log-in was not accepted"),
        (
            "没有显示任何内容。请在同一个浏览器里重新登录，登录的须是您本人。",
            "Nothing was shown. Log in again in this browser, as yourself.",
        ),
    ),
    "identity_ambiguous": (
        ("您的证件需要先核对", "Your document has to be checked first"),
        (
            "有两个人登记了这个证件，不能确定是哪一位，因此没有显示任何内容。请带证件到受理窗口核对。",
            "Two persons are recorded under this document, so nothing was shown. Take it to the counter to be checked.",
        ),
    ),
    "nonce_wrong": (
        ("没有办理", "Nothing was done"),
        (
            "这个页面已经过时，什么也没有改动。请返回，重新打开页面再办理。",
            "That page was out of date and nothing was changed. Go back, open it again, and try once more.",
        ),
    ),
    "not_by_the_agent": (
        ("须由本人恢复", "Only the person resumes it"),
        (
            "这份授权是您代他人同意的，恢复须由本人办理。",
            "You agreed to it for somebody else; they resume it themselves.",
        ),
    ),
    "not_keepable": (
        ("这一项不再留存", "This is not kept any more"),
        ("这一项现在不能留存。您可以删除它。", "This cannot be kept now. You can delete it."),
    ),
    "dispute_moved": (
        ("办理情况有变化", "Something has changed meanwhile"),
        ("请返回，看过最新的办理情况再决定。", "Go back, read how it stands now, then decide."),
    ),
}
_BY_STATUS: Mapping[int, tuple[Words, Words]] = {
    404: (
        ("没有这一项", "There is no such page"),
        (
            "您的数据里没有这一项，可能已经删除。",
            "There is nothing like it in your data; it may have been deleted.",
        ),
    ),
    409: (
        ("状态已经变化", "It has changed meanwhile"),
        (
            "现在的状态不能这样办理。请返回查看最新状态。",
            "As it stands this cannot be done. Go back and look.",
        ),
    ),
    410: (
        ("内容已经删除", "It was deleted"),
        (
            "这里的内容已经删除，不能再办理。",
            "What stood here was deleted; nothing can be done with it any more.",
        ),
    ),
    429: (
        ("操作过于频繁", "Too many tries"),
        ("请稍等一分钟再试。", "Wait a minute, then try again."),
    ),
    503: (
        ("暂时无法办理", "Not possible right now"),
        ("什么也没有改动。请稍后再试。", "Nothing was changed. Try again shortly."),
    ),
}

NOT_OFFERED: tuple[Words, tuple[Words, ...]] = (
    ("这里没有开通网上查询", "Not offered here"),
    (
        (
            "本系统没有接入公众登录，不能确认网页前的人是不是您本人，所以不在网上显示您的数据。",
            "No log-in for the public is connected here, so we cannot tell whether it is you, and show nothing online.",
        ),
        (
            "请带身份证件到政务服务窗口，或在您办事的应用里查询：谁用了您的数据、您的授权、留存的内容和异议，都可以查看、更正、撤回。",
            "Take your identity document to the service counter, or ask in the application where you apply: there you "
            "can see who used your data, and see, correct or withdraw consents, what is kept, and disputes.",
        ),
    ),
)
"""Heading and sentences where no issuer of persons is set."""

LEFT: Words = (
    "已经退出。多人共用的设备，请把浏览器窗口也关闭。",
    "You have logged out. On a shared device close the browser window too.",
)
CHANGED: Words = (
    "状态已经变化，没有再改动。请以下面显示的为准。",
    "It had changed meanwhile and was left as it is; what is shown below counts.",
)

DONE: Mapping[str, Words] = {
    "withdraw": (
        "授权已撤回，立即生效，不再据此调取。",
        "The consent is withdrawn. It took effect at once; nothing more is fetched on it.",
    ),
    "pause": (
        "授权已暂停，立即生效。只有您本人可以恢复。",
        "The consent is paused, at once. Only you can resume it.",
    ),
    "resume": ("授权已恢复。", "The consent is resumed."),
    "corrected": (
        "已更正。下次填表用新的内容；已经提交的表单和部门登记的内容没有改动。",
        "Corrected. Your next forms are filled with it; forms handed in and departments' registers are unchanged.",
    ),
    "deleted": (
        "已删除。下次填表时由您重新填写。",
        "Deleted. Your next form asks you for it again.",
    ),
    "extended": ("已延长留存。", "It is kept longer."),
    "opened": (
        "已收到您的异议。核实期间，这一项不再填入您的表单。",
        "Your dispute was received. While it is checked, the value is not filled into your forms.",
    ),
    "already": (
        "这一项已经有一件正在核实的异议，就是下面这一件；您写的已一并交给核实的部门，没有另开。",
        "This value is under dispute already, in the one below; what you wrote went to who checks it, "
        "and no second one was opened.",
    ),
    "taken-back": ("异议已撤回。", "The dispute is withdrawn."),
}
"""What is said on arrival after something was done."""

CONSENT_STATES: Mapping[ConsentState, Words] = {
    ConsentState.given: ("有效", "in force"),
    ConsentState.renewed: ("有效（已更新）", "in force (renewed)"),
    ConsentState.paused: ("已暂停", "paused"),
    ConsentState.withdrawn: ("已撤回", "withdrawn"),
    ConsentState.expired: ("已到期", "expired"),
    ConsentState.refused: ("您不同意", "refused by you"),
    ConsentState.deferred: ("以后再说", "put off"),
    ConsentState.requested: ("等您答复", "waiting for your answer"),
    ConsentState.terminated: ("已终止，事项已办结", "ended, the matter is over"),
    ConsentState.invalidated: ("被宣布无效", "declared void"),
}
USED_UP: Words = ("次数已用完，不再据此调取", "used up; nothing more is fetched on it")
CONSENT_BEGINS: Mapping[ConsentState, Words] = {
    ConsentState.given: ("同意", "agreed"),
    ConsentState.renewed: ("更新授权", "renewed"),
}
RESUMED: Words = ("恢复", "resumed")
"""What happened to a consent, where its state alone does not say."""
DISPUTE_STATES: Mapping[DisputeState, Words] = {
    DisputeState.open: ("正在核实", "being checked"),
    DisputeState.referred: ("已转有关部门核实", "referred, being checked"),
    DisputeState.corrected: ("属实，已更正", "right; corrected"),
    DisputeState.upheld: ("经核实，原内容无误", "checked; the value stands"),
    DisputeState.withdrawn: ("您已撤回", "withdrawn by you"),
}
DISPUTE_STEPS: Mapping[str, Words] = {
    "reminded": ("提醒该部门答复", "the department was reminded"),
    "escalated": ("逾期未答复，已上报", "not answered in time; it went to the department above"),
    "referred": ("转由其他部门核实", "referred to another department"),
    "joined": ("再次提出", "said again"),
    "corrected": ("核实属实，已更正", "it was wrong, and was corrected"),
    "upheld": ("核实无误，维持原内容", "it was checked and stands"),
    "withdrawn": ("您撤回了异议", "you withdrew it"),
}
PERIODS: Mapping[str, tuple[int | None, Words]] = {
    "30": (30, ("近 30 天", "30 days")),
    "90": (90, ("近 90 天", "90 days")),
    "365": (365, ("近一年", "a year")),
    "all": (None, ("全部", "everything")),
}
"""What uses may be read of: days back from now, None without end."""

FORM_TROUBLES: Mapping[str, Words] = {
    "reason_length": (
        "请写明哪里不对，最多 1000 字。",
        "Say what is wrong, in at most 1,000 characters.",
    ),
    "evidence_length": (
        "凭据最多写 500 字。",
        "Name what shows it in at most 500 characters.",
    ),
    "not_shown": (
        "请选择是哪一项不对。",
        "Choose which value is wrong.",
    ),
    "invalid_value": (
        "填写的内容不合这一项的格式，没有改动。请对照原来的写法再填。",
        "This is no value of that kind and nothing was changed. Compare it with how it was written before.",
    ),
    "too_long": ("填写的内容太长，没有改动。", "This is too long; nothing was changed."),
}


def my_trouble(error: GatewayError) -> dict[str, Any]:
    """What a page says that shows nothing, because of that refusal."""
    known = _TROUBLES.get(error.code) or _BY_STATUS.get(error.status)
    heading, told = known or (("无法办理", "This cannot be done"), _AGAIN)
    return {"heading": heading, "told": told}
