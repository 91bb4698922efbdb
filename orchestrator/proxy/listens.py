"""Which channels a session listens to, by the statements that it was seen to execute."""

from __future__ import annotations

import re

from orchestrator.proxy.statements import named

_SAID = re.compile(
    r"""(?: ^ | ; ) \s* (?:
        (?P<word> LISTEN | UNLISTEN ) \s+ (?P<channel> \* | " (?: [^"] | "" )* " | [^\s;]+ )
        | DISCARD \s+ ALL \b
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_MAY_SAY = re.compile("LISTEN|DISCARD", re.IGNORECASE)


def channels_after(channels: frozenset[str], sql: str) -> frozenset[str]:
    """What is listened to once `sql`, one statement or several, has been executed.

    Whether it was executed without an error, and whether its transaction was committed, is not
    asked: who listens says so by itself. What a function executes is not seen.
    """
    if not _MAY_SAY.search(sql):
        return channels
    for said in _SAID.finditer(named(sql)):
        word, channel = said["word"], said["channel"]
        if word is None or channel == "*":
            channels = frozenset()
        elif word.upper() == "LISTEN":
            channels |= {channel}
        else:
            channels -= {channel}
    return channels
