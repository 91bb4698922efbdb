"""Crash points: a worker is killed at each of its round trips with the database, one a run.

`workloads` says what the worker has to do, `listing` which round trips there are, `plan` which of
them are tried and how, `lanes` has the runs carried out, `enumeration` puts it together.
"""
