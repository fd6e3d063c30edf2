"""Django's PostgreSQL backend, on which statements that nobody waits for travel with the next one."""
