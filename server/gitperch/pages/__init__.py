"""The HTML pages: templates, assets, errors, and a small module per page."""
