"""What the Python files of packages define and import of each other, read with `ast`: nothing is imported."""
