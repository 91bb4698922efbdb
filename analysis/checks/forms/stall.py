"""The certificate of a stall: nothing passed, then everything flowed again."""

from __future__ import annotations

from analysis.checks.forms.form import SESSIONS_BEFORE, Certificate, Form, Part
from analysis.checks.forms.frozen import FROZEN

STALLED: dict[str, Part] = {
    name: FROZEN[name]
    for name in FROZEN
    if "before the victim was killed" not in name and "after the kill" not in name
}
"""What a stall needs of a freeze: a worker that is stalled may lose a connection by itself."""


STALL = Form(
    {
        **SESSIONS_BEFORE,
        **STALLED,
        "it was not seen to flow again": lambda s: s.after.released_ns is None,
    },
    lambda _, missing: Certificate(complete=not missing, missing=missing),
)
