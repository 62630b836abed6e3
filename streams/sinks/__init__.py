"""Where alerts go: from the alerts topic to each sink, at least once.

config, secrets                   which sinks there are
wanted, storms, told              does a sink want this alert, is it part of a storm, what was it told: pure
webhook, slack, alertmanager, mail, log, wording    an alert as each sink reads it: pure
outcome, backoff, breaker         what follows from an attempt: pure
post, mail, senders               one attempt
outlet                            attempts until an alert is told or given up
tell, reader, repeats, follow     records out of Kafka, one consumer group a sink
notify                            the process
tail                              what `gretchen alerts` shows
"""
