"""PROTOCOL.md, HISTORY.md, scenarios/README.md and the JSON schemas of the first two.

They are made from the types, so that they cannot drift.
"""
