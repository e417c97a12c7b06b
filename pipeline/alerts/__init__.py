"""Saved searches that tell: each newly enriched article that matches one becomes an alert.

    enriched topic ──► AlertStep ──► alerts topic ──► WebhookStep ──► webhooks
                          ▲                     └──► `newsloom alerts watch`, the API, any consumer
                    searches topic

An alert is told once for a saved search and an article, whatever is replayed, corrected, killed or
started again:

- An article that came in (`ingested_at`) before the search was saved is none of its news, nor one
  that came in longer ago than alerts are kept: what is no longer remembered can't be told again.
- Within that time the alerts topic is the memory. The embedded log itself refuses what it has taken
  before; of Kafka's topic `step.Memory` knows all ids, and it is read to its end before anything is
  published.
- Offsets are committed last. What is done again after a crash finds its alerts on the topic.
"""

from __future__ import annotations

MATCHERS = "newsloom-alerts"
"""The consumer group that matches."""

SENDERS = "newsloom-webhooks"
"""The consumer group that calls webhooks."""
