"""Which of cosmic-ray's mutants count: what a slip of a programmer looks like, and no texts.

Of its operators those are taken that other tools start with as well: a condition negated or moved
by its boundary, arithmetic turned round, a number one off, `and` for `or`, a truth value turned, a
loop that never runs, a decorator gone. Texts are not mutated, nor signatures and annotations
(nothing evaluates them), nor what a class says of itself (`frozen`, `slots`, `kw_only`: they forbid
what nobody does).
"""

from __future__ import annotations

import ast
import re
import sqlite3
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from cosmic_ray.commands import init
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkerOutcome, WorkResult

Span = tuple[tuple[int, int], tuple[int, int]]
"""From (line, column) to (line, column)."""

COMPARISONS = (
    "Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is",
    "Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt",
)  # fmt: skip
ARITHMETIC = (
    "Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Mul", "Mod_Mul", "Pow_Mul",
    "BitOr_BitAnd", "BitAnd_BitOr", "BitXor_BitAnd", "LShift_RShift", "RShift_LShift",
)  # fmt: skip
SIGNS = ("USub_UAdd", "Delete_USub", "Delete_Not", "Delete_Invert")
OTHERS = (
    "AddNot", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr",
    "ReplaceOrWithAnd", "ReplaceBreakWithContinue", "ReplaceContinueWithBreak",
    "ExceptionReplacer", "NumberReplacer", "RemoveDecorator", "ZeroIterationForLoop",
)  # fmt: skip
OPERATORS = re.compile(
    "core/(?:"
    f"ReplaceComparisonOperator_(?:{'|'.join(COMPARISONS)})"
    f"|ReplaceBinaryOperator_(?:{'|'.join(ARITHMETIC)})"
    f"|ReplaceUnaryOperator_(?:{'|'.join(SIGNS)})"
    f"|{'|'.join(OTHERS)})"
)
LEFT_OUT = WorkResult(worker_outcome=WorkerOutcome.SKIPPED, output="not a mutant that counts")


def open_session(folder: Path, module: str, source: Path) -> Path:
    """The database of a module's mutants, made anew where the module or what counts has changed."""
    session = folder / f"{module.removesuffix('.py').replace('/', '.')}.sqlite"
    digest = sha256(source.read_bytes() + Path(__file__).read_bytes()).hexdigest()
    made_of = session.with_suffix(".sha256")
    if session.exists() and made_of.exists() and made_of.read_text() == digest:
        return session
    session.unlink(missing_ok=True)
    with use_db(str(session), WorkDB.Mode.create) as database:
        init([Path(module)], database, {})
        unread = list(_unread(ast.parse(source.read_text())))
        left_out = [
            item.job_id
            for item in database.work_items
            if any(not _counts(mutation, unread) for mutation in item.mutations)
        ]
        database.set_multiple_results(left_out, LEFT_OUT)
    made_of.write_text(digest)
    return session


def forget_survivors(session: Path) -> None:
    """Let the survivors of a session be judged once more: there are new tests."""
    with sqlite3.connect(session) as database:
        database.execute(
            "DELETE FROM work_results WHERE test_outcome = ?", (TestOutcome.SURVIVED.name,)
        )
    database.close()


def _counts(mutation: MutationSpec, unread: list[Span]) -> bool:
    if not OPERATORS.fullmatch(mutation.operator_name):
        return False
    return not any(first <= mutation.start_pos < last for first, last in unread)


def _unread(tree: ast.AST) -> Iterator[Span]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            yield _start(node), _start(node.body[0])
        yield from _unpacking(node)
        said = [getattr(node, "annotation", None)]
        if isinstance(node, ast.ClassDef):
            said += [keyword.value for keyword in node.keywords]
            calls = [call for call in node.decorator_list if isinstance(call, ast.Call)]
            said += [keyword.value for call in calls for keyword in call.keywords]
        for found in said:
            if isinstance(found, ast.expr) and found.end_lineno is not None:
                end = (found.end_lineno, found.end_col_offset or 0)
                yield _start(found), end


def _unpacking(node: ast.AST) -> Iterator[Span]:
    """The stars that are no products: without them there is no module."""
    if isinstance(node, ast.Starred):
        yield _start(node), _start(node.value)
    if isinstance(node, ast.keyword) and node.arg is None:
        yield _start(node), _start(node.value)
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                line, column = _start(value)
                yield (line, column - len("**")), (line, column)


def _start(node: ast.expr | ast.stmt | ast.keyword) -> tuple[int, int]:
    return node.lineno, node.col_offset
