"""Training: fine-tuning, distilling, searching, doubting; what comes out is a run, for `export`."""
