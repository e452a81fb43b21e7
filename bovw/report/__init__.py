"""What people and other programs see of results: tables, CSV, LaTeX, files of runs, and pages.

This package does not know how any figure was computed, and knows no engine.
"""

from .csv_files import csv_cell, results_csv, text_of_cell
from .drawing import draw_matches
from .notebook import notebook_html
from .result_page import check_page, page, save_page
from .run_files import write_runs
from .tables import comparison_csv, comparison_latex, comparison_text

__all__ = [
    "check_page",
    "comparison_csv",
    "comparison_latex",
    "comparison_text",
    "csv_cell",
    "draw_matches",
    "notebook_html",
    "page",
    "results_csv",
    "save_page",
    "text_of_cell",
    "write_runs",
]
