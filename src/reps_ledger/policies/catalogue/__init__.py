"""The catalogue: rules that real communities live by."""
