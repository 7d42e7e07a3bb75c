"""The command line: serve, demo, simulate; users, tokens and robots; migrate, doctor, settings."""
