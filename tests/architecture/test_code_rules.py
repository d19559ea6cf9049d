"""Rules of the house that no linter knows. Ruff knows the rest (`test_lint.py`): naive times, prints, docstrings."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

LONGEST_FUNCTION = 60
WALL_CLOCK = {"now", "utcnow", "today", "time", "time_ns", "monotonic", "perf_counter", "sleep"}
LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical", "bind", "bind_contextvars"}
PERSONAL = {
    "answers", "body", "cell", "display", "document", "id_no", "identifier", "password", "payload", "plate_number",
    "raw", "record", "records", "secret", "subject", "subjects", "token", "uscc", "value", "values",
}  # fmt: skip
ENUMS = {"code", "kind", "outcome", "reason", "state", "tier"}
CONTAINMENT = {
    "field_registry/numerals.py": "a library that raises anything on odd numerals must cost that value only",
    "gateway/batching.py": "the error of a batch is handed to each who waits for it",
    "gateway/store/gates.py": "a defect in one request must not spoil the others of its transaction",
    "gateway/telemetry/metrics.py": "a metric must never cost a person their form",
    "connectors/gather.py": "a defect in one connector must not blank another source's fields",
    "gateway/app.py": "a connector kind that cannot be built must cost its own sources only",
    "gateway/jobs.py": "a job that fails once must not end the others, nor itself for good",
    "gateway/resolution/combine.py": "a defect in one reader must cost its own field only",
    "gateway/http/limits.py": "what nobody foresaw becomes a problem without its message",
}
"""The only modules that may catch everything, each with what it contains."""


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Every call in the tree."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def last_name(node: ast.AST) -> str:
    """`c` of `a.b.c`; empty for what has no name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def is_log_call(call: ast.Call) -> bool:
    """Whether this is `log.info(...)`, `self._log.warning(...)` or the like."""
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr not in LOG_METHODS:
        return False
    return re.search(r"log", last_name(function.value)) is not None


def names_shown(node: ast.AST) -> Iterator[str]:
    """The names whose content an expression shows: `raw` of `reply.raw`, none of `len(values)`."""
    if isinstance(node, ast.Call) and last_name(node.func) in {"len", "type"}:
        return
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
        is_enum = node.attr == "value" and last_name(node.value) in ENUMS
        yield "" if is_enum else node.attr
        return
    yield last_name(node)
    for child in ast.iter_child_nodes(node):
        yield from names_shown(child)


def names_in_arguments(call: ast.Call) -> set[str]:
    """Every name that a call's arguments show, and the names of its keywords."""
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    shown = {name for argument in arguments for name in names_shown(argument)}
    return shown | {keyword.arg or "" for keyword in call.keywords}


def is_raised_again(handler: ast.ExceptHandler) -> bool:
    """Whether the handler ends by raising what it caught."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_pure_modules_do_not_ask_the_wall_clock(pure_modules: Mapping[str, ast.Module]) -> None:
    """A time is handed in: no pure module reads one."""
    found = [
        f"{path}:{call.lineno}"
        for path, tree in pure_modules.items()
        for call in calls(tree)
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in WALL_CLOCK
        and last_name(call.func.value) in {"datetime", "date", "time"}
    ]

    assert pure_modules
    assert found == []


def test_no_personal_value_is_named_in_a_log_call(modules: Mapping[str, ast.Module]) -> None:
    """Logs name items, sources and codes; nothing that may hold what a register said about somebody."""
    found = [
        f"{path}:{call.lineno} {sorted(names)}"
        for path, tree in modules.items()
        for call in calls(tree)
        if is_log_call(call) and (names := names_in_arguments(call) & PERSONAL)
    ]

    assert found == []


def test_everything_is_caught_only_at_named_boundaries(modules: Mapping[str, ast.Module]) -> None:
    """`except Exception` stands only where a containment is promised and said, or where it is raised again."""
    found = [
        f"{path}:{node.lineno}"
        for path, tree in modules.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or last_name(node.type) in {"Exception", "BaseException"})
        and path not in CONTAINMENT
        and not is_raised_again(node)
    ]

    assert found == []


def test_the_log_is_append_only(modules: Mapping[str, ast.Module], repository: Path) -> None:
    """No statement that changes or removes an entry or its place exists: not in code, not as SQL text, nor in a migration.

    Only the list of those that wait for their places is ever shortened, and checkpoints are thinned and cosigned.
    """
    expressions = [
        f"{path}:{call.lineno}"
        for path, tree in modules.items()
        for call in calls(tree)
        if last_name(call.func) in {"update", "delete"}
        and any(
            name.startswith("audit") and name not in {"audit_pending", "audit_checkpoint"}
            for name in map(last_name, [*call.args, *ast.walk(call.func)])
        )
    ]
    sql = re.compile(
        r"(?i)\b(update|delete\s+from|truncate(\s+table)?|replace\s+into)\s+\W?audit_(?!pending|checkpoint)"
    )
    places = [*(repository / "gateway").rglob("*.py"), *(repository / "alembic").rglob("*.py")]
    texts = [path.name for path in places if sql.search(path.read_text(encoding="utf-8"))]

    assert expressions == []
    assert texts == []


def test_what_a_request_makes_is_frozen(modules: Mapping[str, ast.Module]) -> None:
    """Every `Struct` says so: by itself it may be assigned to."""
    structs = {
        f"{path}:{node.name}": {word.arg: word.value for word in node.keywords}
        for path, tree in modules.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and "Struct" in map(last_name, node.bases)
    }
    open_ones = [
        name
        for name, said in structs.items()
        if not isinstance(frozen := said.get("frozen"), ast.Constant) or frozen.value is not True
    ]

    assert structs
    assert open_ones == []


def test_no_function_is_longer_than_a_page(modules: Mapping[str, ast.Module]) -> None:
    """Sixty lines is the end; most bodies are under ten."""
    found = [
        f"{path}:{node.lineno} {node.name}: {node.end_lineno - node.lineno + 1} lines"
        for path, tree in modules.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= LONGEST_FUNCTION
    ]

    assert found == []


def test_every_test_says_its_promise(repository: Path) -> None:
    """Each test opens with the sentence that it proves."""
    silent = [
        f"{path.relative_to(repository)}:{node.lineno} {node.name}"
        for path in sorted((repository / "tests").rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]

    assert silent == []


@pytest.mark.parametrize(
    ("source", "is_caught"),
    [
        ("log.info('filled', item=item.id)", False),
        ("log.info('filled', count=len(values))", False),
        ("log.info('asked', kind=subject.kind, outcome=outcome.value)", False),
        ("log.info('filled', value=x)", True),
        ("self._log.warning('odd', got=reply.raw)", True),
        ("logger.error(f'cannot read {subject.id_no}')", True),
    ],
)
def test_the_log_rule_sees_what_it_should(source: str, is_caught: bool) -> None:
    """The rule itself: counts may be logged, values in any disguise may not."""
    call = next(calls(ast.parse(source)))

    assert is_log_call(call)
    assert bool(names_in_arguments(call) & PERSONAL) == is_caught
