"""One module per kind of source; each fills a collector."""
