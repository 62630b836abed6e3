"""Files of a support desk -> documents: plain text, Markdown, HTML, PDF, and JSON lines of documents."""
