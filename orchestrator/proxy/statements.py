"""What a statement is called: its SQL without what differs from one execution to the next."""

from __future__ import annotations

import re
from functools import lru_cache

SQL_BYTES = 10_000
"""So much of a statement's text is kept; it is named by that, too."""

_TOKEN = re.compile(
    r"""
      (?P<space> (?: \s+ | --[^\n]* | /\* (?: /\* .*? \*/ | . )*? (?: \*/ | \Z ) )+ )
    | (?P<literal>
          [eE]' (?: [^'\\] | \\. | '' )* (?: ' | \Z )
        | (?: [bBxXnN] | [uU]& )? ' (?: [^'] | '' )* (?: ' | \Z )
        | \$ (?P<tag> (?: [^\W\d] \w* )? ) \$ .*? (?: \$ (?P=tag) \$ | \Z )
        | 0 [xX] [\da-fA-F_]+ | 0 [oO] [0-7_]+ | 0 [bB] [01_]+
        | (?: \d [\d_]* (?: \. [\d_]* )? | \. \d [\d_]* ) (?: [eE] [+-]? \d+ )?
      )
    | (?P<kept> " (?: [^"] | "" )* (?: " | \Z ) | \$ \d+ | [^\W\d] [\w$]* )
    """,
    re.VERBOSE | re.DOTALL,
)
_BLANKS = " ;"
_TRANSACTION_BEGIN = re.compile(r"(?:BEGIN|START\s+TRANSACTION)\b[^;]*\Z", re.IGNORECASE)
_TRANSACTION_END = re.compile(r"(?:COMMIT|END|ROLLBACK|ABORT)\b(?!.*\bTO\b)", re.IGNORECASE)


@lru_cache(maxsize=512)
def named(sql: str) -> str:
    """The statement's name: each literal a ``?``, no comments, blanks as single ones.

    Parameters (``$1``) and quoted identifiers stay. "" = there is nothing to execute.
    """
    return _TOKEN.sub(_shortened, sql).strip(_BLANKS)


def _shortened(token: re.Match[str]) -> str:
    if token.lastgroup == "space":
        return " "
    return token[0] if token.lastgroup == "kept" else "?"


def begins_transaction(name: str) -> bool:
    """Whether a statement of this name does nothing but begin a transaction."""
    return _TRANSACTION_BEGIN.match(name) is not None


def ends_transaction(name: str) -> bool:
    """Whether a statement of this name ends a transaction, also by undoing it."""
    return _TRANSACTION_END.match(name) is not None
