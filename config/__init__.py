"""Wires the floors together: settings, addresses, the embedded servers and the processes."""

import atexit
import gc

# Whoever loads the product makes some hundred thousand objects that stay; to look through them for garbage was a sixth of the start of
# every process. A request or a job makes some thousand, nearly all of which go by themselves.
gc.set_threshold(20_000, 20, 50)
# Nor is there any use in looking through them when the process ends: that was a fifth of every command.
atexit.register(gc.freeze)
