"""What can go wrong with a history: always a file that cannot be judged, never a bad verdict."""

from __future__ import annotations

from pathlib import Path


class AnalysisError(Exception):
    """Base of everything that the analysis raises on purpose; the command line exits with 2."""

    exit_code = 2


class HistoryError(AnalysisError):
    """The file is not a history that can be read: foreign, torn in the middle, or another version.

    `line` is counted from 1; None = the file as a whole.
    """

    def __init__(self, path: Path, line: int | None, what: str, remedy: str) -> None:
        self.path = path
        self.line = line
        where = f"{path.name}, line {line}" if line is not None else path.name
        super().__init__(f"{where}: {what}. {remedy}")


class SummaryError(AnalysisError):
    """The file is not a summary that this version of Crashbench wrote."""

    def __init__(self, path: Path, reason: Exception) -> None:
        super().__init__(
            f"{path.name} is no summary of this version ({reason}). Judge its history again: "
            "python -m analysis RUN.jsonl"
        )


class CrashPointsError(AnalysisError):
    """The file is not a table of crash points that this version of Crashbench wrote."""

    def __init__(self, path: Path, reason: Exception) -> None:
        super().__init__(
            f"{path.name} is no table of crash points of this version ({reason}). Write it again: "
            "crashbench crash-points LIBRARY"
        )


class FaultTableError(AnalysisError):
    """The file is not a table of faults that this version of Crashbench wrote."""

    def __init__(self, path: Path, reason: Exception) -> None:
        super().__init__(
            f"{path.name} is no table of faults of this version ({reason}). Write it again: "
            "crashbench faults LIBRARY"
        )


class NoSuchHistoryError(AnalysisError):
    """Nothing to read where a history was looked for."""


class SummaryUnwritableError(AnalysisError):
    """The folder of a history takes no summary: a full disk, no permission."""

    def __init__(self, summary: Path, history: Path, reason: OSError) -> None:
        super().__init__(
            f"the summary {summary} cannot be written: {reason.strerror or reason}. The history "
            f"{history} is as it was: free some space and judge it again (crashbench judge)"
        )


class NoSuchJobError(AnalysisError):
    """The history has no line about the job that was asked for."""


class OutputError(AnalysisError):
    """What is behind stdout takes no more: a full device, or a reader that has gone."""

    def __init__(self, reason: OSError) -> None:
        super().__init__(
            f"the output cannot be written: {reason.strerror or reason}. What was written before "
            "is kept; send it elsewhere"
        )
