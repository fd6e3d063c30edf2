"""Who speaks to Rollcall in the tour: a program with a token, two identity providers' SCIM clients, a browser."""
