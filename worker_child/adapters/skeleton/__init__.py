"""A minimal queue of its own, for `crashbench adapter new` to copy: replace it by your library."""
