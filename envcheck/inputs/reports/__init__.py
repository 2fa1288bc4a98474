"""Pasted reports: what tools print of an environment, and bug reports in Markdown around it. One file for each shape of lines.

`marks.py` says how each tool's output is recognised, `parts.py` takes a text apart, `said.py` weighs what the parts say.
"""
