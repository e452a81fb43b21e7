"""Match kernels: how a query and a candidate score by the features that match."""
