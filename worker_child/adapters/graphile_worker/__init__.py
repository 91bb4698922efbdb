"""graphile-worker under test: a queue in Node, whose locks outlive a dead worker by four hours."""
