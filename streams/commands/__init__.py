"""The verbs of the command line, one module each; `streams.cli` loads the one that was asked for."""
