"""The process of the demonstration city: `python -m gateway.demo --dir DIR`."""

import argparse
import asyncio
from datetime import date
from pathlib import Path

from gateway.demo.city import DEFAULT_SEED, this_day
from gateway.demo.server import run_city


def main(arguments: list[str] | None = None) -> None:
    """Run the city in this process until it is told to leave."""
    parser = argparse.ArgumentParser(
        prog="python -m gateway.demo", description="the demonstration city's registers"
    )
    parser.add_argument("--dir", type=Path, required=True, help="where databases and file drops are written")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="which city")
    parser.add_argument("--today", type=date.fromisoformat, default=this_day(), help="the day it is at")
    parser.add_argument(
        "--port-file", type=Path, help="where to report addresses and secrets (DIR/city.json)"
    )
    parser.add_argument("--until-eof", action="store_true", help="leave when standard input ends")
    given = parser.parse_args(arguments)
    given.dir.mkdir(parents=True, exist_ok=True)
    report = given.port_file or given.dir / "city.json"
    asyncio.run(run_city(given.dir, given.seed, given.today, report, until_eof=given.until_eof))


if __name__ == "__main__":
    main()
