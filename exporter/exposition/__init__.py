"""What the store knows, as text for Prometheus: the only room that touches prometheus-client."""
