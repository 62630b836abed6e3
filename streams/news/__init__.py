"""Financial news: entities found, headlines scored, windows kept, surges noticed, alerts raised."""
