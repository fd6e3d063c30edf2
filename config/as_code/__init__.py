"""Organizations as code: written out as YAML, compared with such a file, and brought to what it says."""
