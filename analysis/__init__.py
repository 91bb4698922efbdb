"""Reads a history and judges it; the JSONL is its only input."""

from analysis.summary.summary import analyse, write_summary
from analysis.summary.types import Summary

__all__ = ["Summary", "analyse", "write_summary"]
