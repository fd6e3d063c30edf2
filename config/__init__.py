"""Wires the floors together: settings, addresses, the embedded servers and the processes."""
