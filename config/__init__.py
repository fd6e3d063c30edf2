"""Wires the floors together: settings, addresses, the embedded servers and the processes."""

import gc

# Loading the product makes some hundred thousand objects, and they stay; to look through them for garbage took a sixth of each process's
# start. A request or a job makes some thousand, nearly all of which are freed by reference counting.
gc.set_threshold(20_000, 20, 50)
