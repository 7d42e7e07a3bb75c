"""Roundsman: an open, self-hosted server for fleets of Spot robots."""
