"""What Roundsman stands on. Nothing in here has ever heard of a robot."""
