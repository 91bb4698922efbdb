"""``python -m orchestrator.documents`` writes them; ``--check`` names those that have drifted."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from orchestrator.documents.contents import contents
from orchestrator.paths import ROOT

EXIT_DRIFTED = 1


def write(root: Path) -> None:
    """Write every document below `root`."""
    for name, text in contents().items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def drifted(root: Path) -> list[str]:
    """The names of the documents below `root` that are missing or not what the types say."""
    return [
        name
        for name, text in contents().items()
        if not (root / name).is_file() or (root / name).read_text(encoding="utf-8") != text
    ]


def main(arguments: list[str] | None = None) -> None:
    """Write, or with ``--check`` compare and leave with 1 when something has drifted."""
    parser = argparse.ArgumentParser(prog="python -m orchestrator.documents", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, name what drifted")
    parser.add_argument("--root", type=Path, default=ROOT, help="default: this checkout")
    given = parser.parse_args(arguments)
    if not given.check:
        write(given.root)
        return
    names = drifted(given.root)
    if names:
        sys.stderr.write(
            f"not what the types say: {', '.join(names)}. Write them anew with `make docs`\n"
        )
        sys.exit(EXIT_DRIFTED)


if __name__ == "__main__":
    main()
