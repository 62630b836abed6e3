"""Intents out of a few examples each, without torch: a trunk that stands still and a head on it."""
