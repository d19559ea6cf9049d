"""`oncegate`, the same as `python -m gateway`."""

import gc


def main() -> None:
    """Run the command line. Exit 0 done, 1 found faults, 2 wrong use."""
    gc.disable()  # what importing makes stays for good; looking through it meanwhile is a fifth of the start
    from gateway.cli import app

    gc.enable()
    app()


if __name__ == "__main__":
    main()
