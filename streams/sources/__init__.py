"""Where news comes from: feeds and files."""
