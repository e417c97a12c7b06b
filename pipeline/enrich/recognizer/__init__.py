"""The spans that a spaCy pipeline's `ner` finds, in a fraction of its time."""
