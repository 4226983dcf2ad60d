"""Draws what belongs around the exporter from its configuration: Grafana's dashboard, the rules of alerts."""
