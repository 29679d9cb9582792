"""Benches, and what they run on."""
