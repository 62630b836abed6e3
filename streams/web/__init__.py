"""The live page: a process of its own that reads the output topics."""
