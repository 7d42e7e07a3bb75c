"""The registry of robots, the link to each, and what is known of them now."""
