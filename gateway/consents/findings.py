"""What is wrong with a record, as the caller is told it: where, which rule, what to do."""

Finding = dict[str, str]
"""`pointer` into what was sent, `code`, `detail`."""


def finding(pointer: str, code: str, detail: str) -> Finding:
    """One thing that is wrong."""
    return {"pointer": pointer, "code": code, "detail": detail}
