"""The certificate of a worker's death by its own job: that of a kill, and the job had said so."""

from __future__ import annotations

from analysis.checks.forms.form import Form
from analysis.checks.forms.kill import KILL

POISON = Form(
    {
        "the word came before the job had announced its worker's death": lambda death: (
            death.before.announced_ns > death.sent.t_ns
        ),
        **KILL.parts,
    },
    KILL.filled_in,
)
