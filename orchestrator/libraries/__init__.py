"""Which libraries there are, where their adapters stand, and what must be built for them."""
