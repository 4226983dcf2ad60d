"""Serves text over HTTP: metrics, health, the status page."""
