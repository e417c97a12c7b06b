"""The Faust application: raw topic → worker processes → enriched topic, and trends of tickers."""
