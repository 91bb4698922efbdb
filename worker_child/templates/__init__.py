"""One working adapter for each language of a worker: what ``crashbench adapter new`` copies.

`go` and `node` hold only what differs from `python`: the parent's side is the same.
"""
