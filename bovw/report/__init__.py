"""What people and other programs see of results: tables, CSV, LaTeX, files of runs, and pages.

This package does not know how any figure was computed, and knows no engine.
"""

from .csv_files import csv_cell, results_csv, text_of_cell
from .run_files import write_runs
from .tables import comparison_csv, comparison_latex, comparison_text

__all__ = [
    "comparison_csv",
    "comparison_latex",
    "comparison_text",
    "csv_cell",
    "results_csv",
    "text_of_cell",
    "write_runs",
]
