"""report.html: one file that shows runs, offline, and looks any of their jobs up."""
