"""Every fault on one library, one run each: the list is `orchestrator.faults.table.TABLE` alone."""
