"""The newest commits of a public repository for other people's pages: as an SVG, and as a page for an `<iframe>`."""
