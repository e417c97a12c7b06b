"""Sentiment: the models that measure it, and whom a sentence is about."""
