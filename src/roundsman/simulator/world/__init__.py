"""The simulated world: a plant, what slowly goes wrong in it, and the robots that walk it. Knows nothing of gRPC."""
