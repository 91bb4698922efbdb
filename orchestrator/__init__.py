"""The parent's side: plans a run, carries it out, and writes its history."""
