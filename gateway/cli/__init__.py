"""The command line: one module per group of commands, one place that says how results are printed."""

import typer

from gateway.cli import (
    audit,
    audit_shards,
    check,
    client,
    connector,
    consent,
    demo,
    dispute,
    identity,
    keys,
    operator,
    profile,
    receipt,
    registry,
    report,
    report_exports,
    report_gaps,
    resolve,
    sealing_key,
    serve,
    subject,
)

app = typer.Typer(
    name="oncegate",
    help="OnceGate 一采通: fill government forms from the registers that hold the data (数据最多采一次).",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks show local variables, and those may be personal
    add_completion=False,
)
for room in (demo, serve, check, resolve):
    room.register(app)
audit_shards.register(audit.group)
report_gaps.register(report.group)
report_exports.register(report.group)
for name, group in (
    ("registry", registry),
    ("connector", connector),
    ("consent", consent),
    ("client", client),
    ("sealing-key", sealing_key),
    ("operator", operator),
    ("audit", audit),
    ("keys", keys),
    ("subject", subject),
    ("identity", identity),
    ("profile", profile),
    ("receipt", receipt),
    ("dispute", dispute),
    ("report", report),
):
    app.add_typer(group.group, name=name)
app.add_typer(receipt.form_group, name="form")

__all__ = ["app"]
