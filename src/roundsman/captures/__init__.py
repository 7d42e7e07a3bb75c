"""Run events, run captures, what the robot said of them, their archives and key results."""
