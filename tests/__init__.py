"""The tests: unit (pure), process (real processes), queues (a database), acceptance (the CLI)."""
