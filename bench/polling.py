"""Measures polling: the CPU of a count, a round of slow requests, and how late requests are."""

from __future__ import annotations

from bench import counts, lag, rounds
from bench.figure import Report
from bench.scale import Peers, Scale


def measure(scale: Scale, peers: Peers) -> Report:
    """Take the three measurements one after the other."""
    reports = [part.measure(scale, peers) for part in (counts, rounds, lag)]
    figures = tuple(figure for report in reports for figure in report.figures)
    return Report(figures, costs=reports[0].costs)
