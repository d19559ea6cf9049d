"""Starts gateways without importing them anew: a process that has it all in memory forks for each line it reads.

What runs in the child is the very command an operator uses, in a process group of its own; only the seconds that
imports take are saved, so that hundreds of kills fit into minutes. Lines are JSON: arguments, environment, log file.
"""

import gc
import json
import multiprocessing
import os
import signal
import sys
from typing import Any

import uvicorn._subprocess

from gateway.cli import app


def main() -> None:
    """Fork for every line, tell the child's id; end with the input."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a killed child ended
    # Workers fork from their supervisor too: a fresh interpreter for each would import everything again.
    uvicorn._subprocess.spawn = multiprocessing.get_context("fork")  # type: ignore[assignment]
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        wanted = json.loads(line)
        child = os.fork()
        if child == 0:
            run(wanted)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


def run(wanted: dict[str, Any]) -> None:
    """Become that gateway."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(wanted["log"], os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(wanted["environment"])
    gc.unfreeze()
    try:
        app(wanted["arguments"])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


if __name__ == "__main__":
    main()
