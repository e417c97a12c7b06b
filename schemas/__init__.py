"""JSON Schema of each topic's records, by version: generated, so that they are what the code reads."""
