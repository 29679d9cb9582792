"""A Gitperch plugin."""
