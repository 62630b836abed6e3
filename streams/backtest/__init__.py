"""History through the functions that the worker runs, without Kafka.

lines -> score_news (raw ones) -> Backtest (streams, groups, storms, alerts) -> JSON lines | labels | report
"""
