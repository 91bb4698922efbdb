"""The control that acknowledges well after the job was done, a second's work at a time."""
