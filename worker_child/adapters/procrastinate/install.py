"""Applies procrastinate's schema to the empty database in CRASHBENCH_DSN; run in its own Python."""

from __future__ import annotations

import asyncio
import os

from procrastinate import App, PsycopgConnector


async def _apply_schema(dsn: str) -> None:
    application = App(connector=PsycopgConnector(conninfo=dsn, min_size=1, max_size=1))
    async with application.open_async():
        await application.schema_manager.apply_schema_async()


if __name__ == "__main__":
    asyncio.run(_apply_schema(os.environ["CRASHBENCH_DSN"]))
