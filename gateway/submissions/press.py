"""The press: sets one document with typst, in a process of its own, and ends. Run by `gateway.submissions.printing`.

A process because it can be ended: a document that takes too long or too much memory costs itself and nobody else. It
reads one JSON object from standard input and writes the document to standard output; what went wrong goes to standard
error in typst's words, which the service does not log. It imports nothing of ours.
"""

import json
import resource
import sys
import warnings
from pathlib import Path
from typing import Any

BAD_DOCUMENT = 3
"""Exit code: typst refused the document, or warned about it (a font that is not there, text that is not shown)."""
_MOST_MEMORY = 3 * 2**30


def main() -> int:
    """0 and the document, or `BAD_DOCUMENT` and why."""
    job: dict[str, Any] = json.load(sys.stdin.buffer)
    sys.path[:] = job["path"]  # where the service's own packages lie
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # what stands on a document is left in no file
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    # A second between them: at the hard limit it would be killed without a reason.
    resource.setrlimit(resource.RLIMIT_CPU, (job["seconds"], job["seconds"] + 1))
    try:
        made = press(job)
    except Unprintable as why:
        sys.stderr.write(str(why))
        return BAD_DOCUMENT
    sys.stdout.buffer.write(made)
    return 0


class Unprintable(Exception):
    """Typst refused the document or warned about it; the message is typst's."""


def press(job: dict[str, Any]) -> bytes:
    """The document: a PDF, or for "png" the pages below one another, each behind its length in eight bytes."""
    import typst

    fonts = typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[Path(job["font"]).parent]
    )
    compiler = typst.Compiler(font_paths=fonts, ignore_system_fonts=True, root=job["root"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they come back as values
        try:
            made, said = compiler.compile_with_warnings(
                input=job["source"].encode(),
                format=job["format"],
                ppi=job.get("ppi"),
                sys_inputs={"data": job["data"]},
                timestamp=job["timestamp"],
            )
        except typst.TypstError as error:
            raise Unprintable(error.message) from None
    if said or made is None:
        raise Unprintable("; ".join(each.message for each in said) or "nothing came out")
    pages = made if isinstance(made, list) else [made]
    return pages[0] if job["format"] == "pdf" else b"".join(len(p).to_bytes(8, "big") + p for p in pages)


if __name__ == "__main__":
    sys.exit(main())
