"""What the control queues share: one table, an audit, a worker of many places.

A control is a queue whose behaviour under a crash is known by construction: the instrument is
calibrated with them. They differ only in the order in which they claim, work and acknowledge.
"""
