"""Where the runs of a matrix are carried out: here, one after the other, or on many machines."""
