"""Articles from RSS and Atom feeds, fetched politely."""
