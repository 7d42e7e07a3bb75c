"""The simulated robots' gRPC services, over TLS, as the robot's official client expects them."""
