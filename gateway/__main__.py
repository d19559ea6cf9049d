"""`oncegate`, the same as `python -m gateway`."""

from gateway.cli import app


def main() -> None:
    """Run the command line. Exit 0 done, 1 found faults, 2 wrong use."""
    app()


if __name__ == "__main__":
    main()
