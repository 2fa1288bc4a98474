"""A file or a pasted text -> Snapshot, one file a format."""
