"""Calibration: queues whose behaviour is known by construction, against what is found of them.

`controls` says what each must show, `oracle` works it out from the audit that a control keeps of
itself, `compare` lays it beside the analysis, `trials` has the runs carried out.
"""
