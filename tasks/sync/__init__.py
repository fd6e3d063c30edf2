"""Directory sync: fetch stages what a directory says, plan decides what follows, apply calls the verbs. Each may be killed.

Why: docs/decisions/directory-sync.md.
"""
