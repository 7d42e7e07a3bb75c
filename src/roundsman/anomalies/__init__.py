"""Anomalies: what inspections found wrong, open until somebody closes it."""
