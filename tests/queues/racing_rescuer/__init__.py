"""A control whose rescuer selects first and updates then."""
