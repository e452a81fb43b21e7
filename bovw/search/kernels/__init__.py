"""Match kernels: functions that score a query and a candidate by their matching features."""
