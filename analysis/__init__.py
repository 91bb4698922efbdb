"""Reads a history and judges it; the JSONL is its only input."""

from analysis.summary.summary import Summary, analyse, write_summary

__all__ = ["Summary", "analyse", "write_summary"]
