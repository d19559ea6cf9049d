"""What the pages say, Chinese with English beside: headings, troubles, and what came of an answer."""

from collections.abc import Mapping
from typing import Any

Words = tuple[str, str]
"""Chinese and English."""

OVER: dict[int, tuple[Words, Words]] = {
    401: (
        ("登录未被接受", "The log-in was not accepted"),
        (
            "没有显示也没有记录任何内容。请在同一个浏览器里重新打开链接，再登录一次；同时打开几个链接的，逐个办理。",
            "Nothing was shown or recorded. Open the link again in this browser and log in once more; of several "
            "links, finish one before you begin the next.",
        ),
    ),
    404: (
        ("链接无效", "This link is not valid"),
        ("请重新扫码，或向工作人员索取新的链接。", "Scan the code again, or ask for a new link."),
    ),
    410: (
        ("链接已失效", "This link is over"),
        (
            "链接已作答、已过期，或多次核对不符。如需办理，请向工作人员索取新的链接，也可以直接手工填写表单。",
            "It was answered, its time is over, or the confirmation failed too often. Ask for a new link if you need "
            "one; you can also fill in the form by hand.",
        ),
    ),
    503: (
        ("暂时无法办理", "Not possible right now"),
        (
            "没有记录任何内容。请稍后再试，或直接手工填写表单。",
            "Nothing was recorded. Try again shortly, or fill in the form by hand.",
        ),
    ),
}
"""Heading and sentence of a page that shows nothing of a request, by status."""
REFUSED: tuple[Words, Words] = (
    ("无法处理", "This cannot be done"),
    ("请返回上一页重试，或向工作人员索取新的链接。", "Go back and try again, or ask for a new link."),
)

TROUBLES: dict[str, Words] = {
    "nothing_ticked": (
        "您还没有勾选任何一项。请勾选同意的内容，或选择“不同意”。",
        "Nothing is ticked yet. Tick what you agree to, or choose “Do not agree”.",
    ),
    "act_missing": (
        "还缺少单独同意。勾选的内容中有须单独同意的，请在“单独同意”中另行勾选，或取消勾选这些内容。",
        "A separate agreement is missing. Tick it under “Separate agreement”, or untick the items that need it.",
    ),
    "consent_not_valid": (
        "这次无法记录，内容在此期间有变化。请向工作人员索取新的链接，或手工填写。",
        "This could not be recorded, because something changed meanwhile. Ask for a new link, or fill in by hand.",
    ),
    "confirm_again": (
        "为了安全，请重新核对一次。",
        "To be safe, please confirm once more.",
    ),
    "consent_moved": (
        "授权的状态已经变化，请以下面显示的为准。",
        "The record has changed meanwhile; what is shown below counts.",
    ),
}


def wrong(left: int) -> Words:
    """What is said after a wrong confirmation."""
    return (
        f"核对不符，还可以再试 {left} 次。",
        f"That does not match. You can try {left} more time{'s' if left != 1 else ''}.",
    )


ACTS: dict[str, Words] = {
    "sensitive": (
        "我单独同意调取我勾选的敏感个人信息。",
        "I agree separately that the sensitive information I ticked is fetched.",
    ),
    "others": (
        "我单独同意调取我勾选的涉及他人的信息。",
        "I agree separately that what I ticked that is about other people is fetched.",
    ),
    "minor": (
        "我是不满十四周岁未成年人的监护人，单独同意处理其个人信息。",
        "I am the guardian of a child under 14 and agree separately to the handling of the child's information.",
    ),
}


def third_party(facts: Mapping[str, Any]) -> Words:
    """What is agreed to where others are concerned: who receives it, who is spoken for."""
    said: list[Words] = []
    if facts["outside_recipients"]:
        names = facts["outside_recipients"]
        said.append((f"向{'、'.join(names)}提供", f"passing it on to {', '.join(names)}"))
    if facts["by_agent"]:
        said.append(("受本人委托代为同意", "agreeing for the person who authorised me"))
    chinese, english = zip(*said, strict=True)
    return f"我单独同意：{'；'.join(chinese)}。", f"I agree separately to: {'; '.join(english)}."


RESULTS: dict[str, tuple[Words, tuple[Words, ...]]] = {
    "given": (
        ("已记录您的同意", "Your agreement is recorded"),
        (
            (
                "可以关闭本页，回到窗口或原来的页面继续办理。",
                "You may close this page and go on where you came from.",
            ),
        ),
    ),
    "withdrawn": (
        ("授权已撤回", "Withdrawn"),
        (
            (
                "已立即生效，不再调取。需要的内容由您自己填写，不影响办理。",
                "It took effect at once; nothing more is fetched. Fill in what is needed yourself; you are served all "
                "the same.",
            ),
        ),
    ),
    "ended": (
        ("授权已结束", "The agreement has ended"),
        (
            (
                "不再据此调取。需要的内容由您自己填写。",
                "Nothing is fetched on it any more. Fill in what is needed yourself.",
            ),
        ),
    ),
    "paused": (
        ("授权已暂停", "The agreement is paused"),
        (("暂停期间不会调取。", "Nothing is fetched while it is paused."),),
    ),
    "refused": (
        ("已记录：您不同意", "Recorded: you do not agree"),
        (
            (
                "不会调取。表单由您自己填写，不影响办理，近期也不会再就同样的内容询问您。",
                "Nothing is fetched. You fill in the form yourself, are served all the same, and are not asked for the "
                "same again for a while.",
            ),
        ),
    ),
    "deferred": (
        ("已记录：以后再说", "Recorded: later"),
        (
            (
                "没有调取任何内容。想好后请向工作人员索取新的链接，也可以直接手工填写。",
                "Nothing is fetched. Ask for a new link when you have decided, or fill in by hand.",
            ),
        ),
    ),
}
"""Heading and sentences by what an answer came to, as it stands now."""


def over(status: int) -> dict[str, Any]:
    """What the page says that shows nothing of a request."""
    heading, told = OVER.get(status, REFUSED)
    return {"heading": heading, "told": told}


def not_you(link: str) -> dict[str, Any]:
    """What the page says when somebody else logged in than was asked."""
    told = (
        "登录的不是被询问的人，没有显示任何内容。",
        "Somebody else logged in than was asked. Nothing was shown.",
    )
    return {"heading": ("不是您的链接", "Not your link"), "told": told, "again": link}
