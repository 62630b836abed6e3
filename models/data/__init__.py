"""Data in, examples out: labelled texts, questions about passages, texts without labels."""
