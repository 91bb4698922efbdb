"""pgqueuer under test: claim by SKIP LOCKED, a heartbeat a job, rescue inside dequeue."""
