"""my_queue under test: claim by SKIP LOCKED, a lease that is renewed, rescue inside the claim."""
