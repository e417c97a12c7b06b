"""Real servers for tests, without containers: what they need comes from Maven, once."""
