"""River: a queue in Go, whose leader rescues jobs that have been running for too long."""
