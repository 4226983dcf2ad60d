"""Gives queries a past: counts the documents there are now by their dates, step by step.

backfill     asks for all series, then writes all families
   ├─ grid        the steps, and the times at which a count is repeated
   ├─ bisection   the fewest counts that settle every step
   └─ journal     the answers on disk, so that memory is bounded and an interruption loses none
"""
