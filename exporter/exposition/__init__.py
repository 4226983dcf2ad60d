"""What is known, as text for Prometheus: the only room that touches prometheus-client.

exposition   negotiates the format, and keeps the finished page until something changes
   ├─ renderer     a plan's families, filled from a snapshot
   ├─ telemetry    what the process itself does: attempts, reloads, its memory
   └─ family       one metric: prepared lines, joined with values
"""
