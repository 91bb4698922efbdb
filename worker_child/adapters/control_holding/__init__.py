"""The control that holds its claim's transaction open while the job runs."""
