"""The control queues: libraries whose behaviour under a crash is known by construction.

The instrument is calibrated with them. They share one table, an audit of every claim and
acknowledgement, and a worker; they differ only in the order in which they claim, work and
acknowledge. README.md says what each must show.
"""
