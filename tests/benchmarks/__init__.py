"""Speed and memory of the instrument itself: `make bench`, never part of the tests."""
