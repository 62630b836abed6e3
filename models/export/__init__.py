"""From a run, or a stranger's classifier, to an artifact: the graph, int8 behind a gate, the card."""
