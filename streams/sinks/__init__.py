"""Where alerts go: from the alerts topic to each sink, at least once.

config  ─ which sinks there are              wanted  ─ does a sink want this alert?
webhook, slack, alertmanager, mail, log      ─ an alert as each sink reads it: pure
post, mail.send  ─ one attempt               outcome, backoff, breaker  ─ what follows from it: pure
outlet  ─ attempts until told or given up    reader  ─ a sink's consumer group    notify  ─ the process
"""
