"""Conformance: does an adapter keep what PROTOCOL.md and the contract ask of it?

`direct` holds one worker without a run, `trials` has runs carried out the ordinary way, the
``checks_of_...`` modules judge what both have brought to light, and `checks` is the table of them.
"""
