"""The control that takes a job out of the queue before it works on it."""
