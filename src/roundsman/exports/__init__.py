"""Exports: a selection of runs, events or captures as one file, made in the background."""
