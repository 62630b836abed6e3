"""Tasks, declared: what is learned, from which data, by which options; the shipped ones are the .toml files here."""
