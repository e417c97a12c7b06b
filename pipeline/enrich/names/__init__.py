"""People, organizations, places and the like: what the recogniser found, and rules make of it."""
