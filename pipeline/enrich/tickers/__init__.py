"""Tickers, and what a source states about them."""
