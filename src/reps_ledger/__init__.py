"""Community membership, kept as immutable facts."""
