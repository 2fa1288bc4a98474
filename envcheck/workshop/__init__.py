"""Where entries are made: lint, format, test, coverage, effect, and new ones. Nothing here runs in a check."""
