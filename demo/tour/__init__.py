"""The tour: one whole life, played against a running server over HTTP alone, each step checked and shown.

`python -m demo.tour` (or `make demo`) reads as documentation: `demo/tour/chapters/` has one file a chapter, in the order of
`CHAPTERS`; `clients/` has the ways in which the world outside speaks to Rollcall.
"""
