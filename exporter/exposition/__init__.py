"""Writes the metrics page; the only room that imports prometheus-client.

exposition   chooses the format, and keeps the finished page until something changes
   ├─ renderer     the families of a plan, with values from a snapshot
   │     └─ family       one metric: prepared lines that are joined with values
   └─ telemetry    metrics of the process itself: attempts, reloads, memory
"""
