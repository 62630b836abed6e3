"""The demo: the sample through a real Kafka, a worker and the page, with every record accounted for."""
