"""The demonstration: a development identity provider and the tour; nothing of the product imports it."""
