"""Organizations as code: written out as YAML, compared with such a file, and brought to what it says.

Why: docs/decisions/organizations-as-code.md.
"""
