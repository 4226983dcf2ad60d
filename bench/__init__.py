"""Measurements anyone can repeat, each beside the least that the same work can cost: `make bench`."""
