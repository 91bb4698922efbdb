"""procrastinate under test: claim by SKIP LOCKED, a heartbeat a worker, no rescue of its own."""
