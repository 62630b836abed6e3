"""What is wrong with an installation, in the user's words: `local` looks at this machine, `cluster` at Kafka."""
