"""PROTOCOL.md, HISTORY.md and the JSON schemas, made from the types so that they cannot drift."""
