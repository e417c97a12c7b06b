"""Articles for people and programs over HTTP: the API, and the page."""
