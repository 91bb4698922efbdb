"""``python -m orchestrator``: the parent, or with ``--mode=child`` a worker of one."""

import sys


def main() -> None:
    """A worker hands over before anything of the parent's is imported."""
    if "--mode=child" in sys.argv[1:]:
        from worker_child.__main__ import main as serve

        serve()
    else:
        from orchestrator.commands.cli import main as command_line

        command_line()


if __name__ == "__main__":
    main()
