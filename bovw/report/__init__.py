"""What people and other programs see of results: tables, CSV, LaTeX, files of runs, and pages.

This package does not know how any figure was computed, and knows no engine.
"""

from .blocks import Labels, explanation_block, result_block
from .comparison_page import comparison_page, save_comparison_page
from .csv_files import csv_cell, results_csv, text_of_cell
from .drawing import draw_matches
from .groups_page import groups_page, save_groups_page
from .groups_tables import groups_csv, groups_text
from .index_page import index_page, save_index_page
from .notebook import notebook_html
from .page_parts import check_page
from .plots import check_plots, save_plots
from .result_page import page, save_page
from .run_files import write_runs, write_submissions
from .serve_page import search_page, search_policy
from .tables import comparison_csv, comparison_latex, comparison_text
from .thumbnails import encoded

__all__ = [
    "Labels",
    "check_page",
    "check_plots",
    "comparison_csv",
    "comparison_latex",
    "comparison_page",
    "comparison_text",
    "csv_cell",
    "draw_matches",
    "encoded",
    "explanation_block",
    "groups_csv",
    "groups_page",
    "groups_text",
    "index_page",
    "notebook_html",
    "page",
    "result_block",
    "results_csv",
    "save_comparison_page",
    "save_groups_page",
    "save_index_page",
    "save_page",
    "save_plots",
    "search_page",
    "search_policy",
    "text_of_cell",
    "write_runs",
    "write_submissions",
]
