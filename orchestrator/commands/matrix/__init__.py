"""`crashbench matrix`: many runs, interleaved, each in a process of its own, resumable."""
