"""JSON Schema of each topic's records, by version: generated from the code that reads them."""
