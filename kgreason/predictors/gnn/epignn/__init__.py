"""EpiGNN: relations composed along paths, read out as distributions over relations."""
