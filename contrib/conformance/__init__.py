"""git's own HTTP tests against `gitperch.transport`."""
