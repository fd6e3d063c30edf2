"""Filters of RFC 7644 §3.4.2.2: text to tree, tree to SQL, tree against one element."""
