"""Page kinds: each module turns records into pages and data files."""
