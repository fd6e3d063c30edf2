"""The development identity provider: a process of its own that signs in anybody as anybody, for demonstrations alone.

`python -m demo.identity_provider --port 8001 --data var` serves one identity provider per *realm*, a name in the path
(`/meridian/…`), each with its own entity ID: as in life, where every customer has its own. It listens on loopback alone,
refuses to start outside development mode, and posts responses to one Rollcall server and nowhere else.
"""
