"""What runs an app: each a `contract.Runner`."""
