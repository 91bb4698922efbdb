"""The control whose lease is shorter than its longest jobs, and is never renewed."""
