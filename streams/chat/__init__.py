"""Chat: a question understood, answered from a template, or handed over."""
