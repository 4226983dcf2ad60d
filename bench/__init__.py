"""Measures what the exporter costs, beside the script one would write by hand: `make bench`."""
