"""The record: what happened, who did it, to whom, and proof that nothing was altered."""
