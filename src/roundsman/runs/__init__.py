"""Runs: opened, closed, counted and listed."""
