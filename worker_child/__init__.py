"""The child's side: the wire, the job body, and one folder per library under test."""
