"""Pages for people, made on the server: set-up, login, and an overview until the web app takes its place."""
