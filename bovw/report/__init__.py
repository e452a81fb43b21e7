"""What people see of an evaluation: tables as text, CSV and LaTeX, and files of runs.

This package does not know how any figure was computed.
"""

from .run_files import write_runs
from .tables import comparison_csv, comparison_latex, comparison_text, csv_cell

__all__ = ["comparison_csv", "comparison_latex", "comparison_text", "csv_cell", "write_runs"]
