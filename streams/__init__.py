"""Everything that touches Kafka: records, topics, agents, sources, the page and the command line."""
