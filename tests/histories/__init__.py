"""Hand-written histories, and the means to write them readably."""
