"""Options that several commands share, each described once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.run.request import DSN_VARIABLE

Results = Annotated[Path, typer.Option(help="Folder for histories and summaries.")]
Dsn = Annotated[
    str | None,
    typer.Option(
        envvar=DSN_VARIABLE,
        help="A PostgreSQL to use instead of an ephemeral one. The run makes a database of its "
        "own there and drops it.",
    ),
]
Dask = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Spread the runs over the machines of the Dask scheduler there, as in "
        "tcp://10.0.0.1:8786.",
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Replace a finished run of the same name that was asked for something else.",
    ),
]
Values = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any value of the scenario, as in --set workload.rate_per_s=80; repeatable.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--setting",
        metavar="KEY=VALUE",
        help="One of the library's own settings, on top of the preset, as in "
        "--setting heartbeat_timeout_s=5; repeatable. The preset is then called "
        "PRESET.XXXXXXXX, by what was changed.",
    ),
]
