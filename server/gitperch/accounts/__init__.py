"""People, passwords, tokens, sessions, and who may do what."""
