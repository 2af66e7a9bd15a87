"""Facts, time, entries, corrections and rules. Pure: no I/O, no clock."""
