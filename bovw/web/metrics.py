"""Figures for Prometheus, of one server."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from .service import Service


class Metrics:
    """What is counted, and the text that ``/metrics`` gives."""

    def __init__(self, service: Service) -> None:
        self.registry = CollectorRegistry()
        self.searches = Counter(
            "bovw_searches", "Searches by how they ended.", ["outcome"], registry=self.registry
        )
        self.refused = Counter(
            "bovw_refused",
            "Requests that were refused, by reason.",
            ["reason"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "bovw_search_seconds",
            "Time of a search, with waiting and decoding.",
            registry=self.registry,
        )
        self.inside = Gauge(
            "bovw_requests_inside",
            "Searches, explanations and exports that run or wait.",
            registry=self.registry,
        )
        gauges = {
            "bovw_pictures": ("Pictures in the index.", lambda: len(service.engine)),
            "bovw_worker_deaths": (
                "Decoding processes that ended at work.",
                lambda: service.workers.deaths,
            ),
            "bovw_searches_remembered": (
                "Searches that are remembered.",
                lambda: len(service.searches),
            ),
            "bovw_remembered_bytes": ("Their memory.", lambda: service.searches.n_bytes),
        }
        for name, (text, value) in gauges.items():
            Gauge(name, text, registry=self.registry).set_function(value)

    def text(self) -> bytes:
        """All figures, in Prometheus's text format."""
        return generate_latest(self.registry)
