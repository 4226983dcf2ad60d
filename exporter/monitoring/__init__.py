"""Generates Grafana's dashboard and alert rules from the exporter's configuration."""
