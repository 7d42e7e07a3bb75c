"""Webhooks: who is told of what, the deliveries to them, and what became of each."""
