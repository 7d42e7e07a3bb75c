"""Simulated Spots: a plant, robots that walk it, and the real gRPC services over TLS in front of them."""
