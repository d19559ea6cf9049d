"""Metrics and logs: counted by name, safe to call from anywhere, and without anybody's data."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from gateway.settings import Settings
from gateway.telemetry import Telemetry, bind_trace, configure_logging, get_logger
from gateway.telemetry.logs import FORBIDDEN_KEYS

Lines = Callable[[], list[dict[str, Any]]]


def sample(telemetry: Telemetry, name: str, **labels: str) -> float | None:
    """What a metric stands at."""
    return telemetry.registry.get_sample_value(f"oncegate_{name}", labels)


# --- metrics


def test_what_happened_is_counted() -> None:
    """Each method moves its own metric by what it was told."""
    telemetry = Telemetry()
    telemetry.resolution("answered", 0.2, fields=[("filled", 11), ("timeout", 1)], entries=("intent",))
    telemetry.source_call("civil", "filled", 0.01)
    telemetry.wrong_subject("civil")
    telemetry.gate_refusal("release", 2)
    telemetry.entries("pull", 3)
    telemetry.commit_batch(4)
    telemetry.problem("not_valid")

    assert sample(telemetry, "resolutions_total", outcome="answered") == 1
    assert sample(telemetry, "resolution_seconds_sum") == 0.2
    assert sample(telemetry, "fields_total", outcome="filled") == 11
    assert sample(telemetry, "fields_total", outcome="timeout") == 1
    assert sample(telemetry, "source_calls_total", source="civil", outcome="filled") == 1
    assert sample(telemetry, "source_seconds_count", source="civil") == 1
    assert sample(telemetry, "wrong_subject_total", source="civil") == 1
    assert sample(telemetry, "gate_refusals_total", gate="release") == 2
    assert sample(telemetry, "entries_total", kind="intent") == 1
    assert sample(telemetry, "entries_total", kind="pull") == 3
    assert sample(telemetry, "commit_batch_size_sum") == 4
    assert sample(telemetry, "problems_total", code="not_valid") == 1


def test_two_applications_count_apart() -> None:
    """Each has its own registry, so that many can live in one process."""
    one, other = Telemetry(), Telemetry()
    one.problem("not_valid")

    assert sample(other, "problems_total", code="not_valid") is None


def test_the_metrics_are_rendered_for_prometheus() -> None:
    """What /metrics answers."""
    telemetry = Telemetry()
    telemetry.problem("not_valid")

    assert b'oncegate_problems_total{code="not_valid"} 1.0' in telemetry.render()


def test_recording_never_raises() -> None:
    """A mistake in a call costs the metric, not the request."""
    telemetry = Telemetry()
    wrong: Any = object()

    telemetry.resolution("answered", wrong)
    telemetry.resolution("answered", 0.2, fields=wrong)
    telemetry.source_call(wrong, wrong, wrong)
    telemetry.gate_refusal("pull", -1)
    telemetry.entries([], wrong)
    telemetry.commit_batch(wrong)
    telemetry.wrong_subject([])  # type: ignore[arg-type]
    telemetry.problem({})  # type: ignore[arg-type]


def test_labels_cannot_grow_without_end() -> None:
    """After a thousand different labels the rest is counted as "other"."""
    telemetry = Telemetry()
    for number in range(1_500):
        telemetry.problem(f"code{number}")

    assert sample(telemetry, "problems_total", code="other") == 500
    assert sample(telemetry, "problems_total", code="code1499") is None


def test_calls_are_told_by_source_outcome_and_time() -> None:
    """Prometheus is shown times by source; what is kept tells apart the outcomes too, and calls that were not made."""
    telemetry = Telemetry()
    telemetry.source_call("civil", "filled", 0.02)
    telemetry.source_call("civil", "timeout", 60.0)
    telemetry.source_not_asked("civil", "circuit_open")

    assert telemetry.calls_so_far() == {
        ("civil", "filled", 25): 1,
        ("civil", "timeout", None): 1,
        ("civil", "circuit_open", 0): 1,
    }
    assert sample(telemetry, "source_seconds_count", source="civil") == 2
    assert sample(telemetry, "source_calls_total", source="civil", outcome="timeout") == 1
    assert sample(telemetry, "source_not_asked_total", source="civil", outcome="circuit_open") == 1


def test_answers_are_told_by_form_and_shown_together() -> None:
    """Twenty thousand forms are no labels for Prometheus."""
    telemetry = Telemetry()
    for form in ("a", "a", "b"):
        telemetry.resolution("answered", 0.3, form)

    assert telemetry.answers_so_far() == {("a", 500): 2, ("b", 500): 1}
    assert sample(telemetry, "resolution_seconds_count") == 3
    assert sample(telemetry, "resolution_seconds_bucket", le="0.5") == 3
    assert sample(telemetry, "resolution_seconds_bucket", le="0.25") == 0
    assert b'form="a"' not in telemetry.render()


def test_sources_and_forms_of_a_province_are_kept_apart() -> None:
    """More than other metrics may tell apart: 200 sources with their outcomes, and every form."""
    telemetry = Telemetry()
    for number in range(2_000):
        telemetry.source_call(f"s{number}", "filled", 0.02)
        telemetry.resolution("answered", 0.3, f"f{number}")

    assert len(telemetry.calls_so_far()) == 2_000
    assert len(telemetry.answers_so_far()) == 2_000


# --- logs


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Logs as JSON; the function gives every line so far. Afterwards logging is as it was."""
    stream, root = io.StringIO(), logging.getLogger()
    before = root.handlers[:], root.level
    configure_logging(Settings(log_json=True), stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()
    root.handlers[:] = before[0]
    root.setLevel(before[1])


def test_a_line_holds_event_data_level_time_and_trace(lines: Lines) -> None:
    """What an operator searches by."""
    bind_trace("abc")
    get_logger("test").warning("source_lost", source="civil")

    (line,) = lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "source_lost", "source": "civil", "level": "warning", "trace_id": "abc"}


@pytest.mark.parametrize("key", sorted(FORBIDDEN_KEYS))
def test_a_forbidden_key_loses_its_value(lines: Lines, key: str) -> None:
    """At any depth, in any case, under either spelling of its words."""
    get_logger("test").info("mistake", **{key: "350102"})
    get_logger("test").info(
        "mistake", deep=[{key.upper(): "350102"}, ({key.replace("_", "-"): {"a": "350102"}},)]
    )

    assert "350102" not in json.dumps(lines())
    assert lines()[0][key] == "[redacted]"


def test_an_exception_is_logged_without_its_text(lines: Lines) -> None:
    """Type and place are enough to find it; its text can quote a person's data."""
    try:
        int("350102x")
    except ValueError as error:
        get_logger("test").exception("broken")
        get_logger("test").error("broken", exc_info=error)
        logging.getLogger("library").exception("broken")

    assert "350102" not in json.dumps(lines())
    assert [line["exception"] for line in lines()] == ["ValueError"] * 3
    assert all(line["at"] for line in lines())


def test_lines_of_libraries_come_the_same_way(lines: Lines) -> None:
    """One format for all, with the trace id."""
    bind_trace("abc")
    logging.getLogger("library").warning("%s is slow", "it")

    (line,) = lines()
    assert (line["event"], line["level"], line["trace_id"]) == ("it is slow", "warning", "abc")


def test_what_is_below_the_level_is_not_written(lines: Lines) -> None:
    """INFO by default; statements and paths of libraries not even then."""
    get_logger("test").debug("detail")
    logging.getLogger("library").debug("detail")
    logging.getLogger("sqlalchemy.engine").info("SELECT")
    logging.getLogger("uvicorn.access").info("GET /v1/x")

    assert lines() == []


def test_a_terminal_gets_readable_lines() -> None:
    """Without JSON the same line reads as text."""
    stream, root = io.StringIO(), logging.getLogger()
    before = root.handlers[:], root.level
    configure_logging(Settings(log_json=False), stream)
    get_logger("test").info("started", port=8000, token="t0ken")
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    structlog.reset_defaults()

    assert "started" in stream.getvalue()
    assert "port=8000" in stream.getvalue()
    assert "t0ken" not in stream.getvalue()
