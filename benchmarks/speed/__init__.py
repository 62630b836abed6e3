"""`make bench`: our engine and our stream beside their peers, in one run, as ratios; see __main__.py."""
