"""The soak: a real server under clients of every kind, for long."""
