"""Counters in this process, shown as Prometheus text. The Prometheus library is only loaded when somebody asks."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator


class Metrics:
    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, int]] = Counter()      # (service, method, status)
        self.seconds: Counter[tuple[str, str]] = Counter()            # (service, method)
        self.gauges: dict[str, tuple[str, Callable[[], float]]] = {}  # name → (help, value)

    def request(self, service: str, method: str, status: int, seconds: float) -> None:
        self.requests[service, method, status] += 1
        self.seconds[service, method] += seconds                      # type: ignore[assignment]

    def gauge(self, name: str, help: str, value: Callable[[], float]) -> None:
        self.gauges[name] = (help, value)

    def text(self) -> bytes:
        """The metrics in the Prometheus text format."""
        from prometheus_client import CollectorRegistry, generate_latest

        registry = CollectorRegistry()
        registry.register(self)                                       # type: ignore[arg-type]
        return generate_latest(registry)

    def collect(self) -> Iterator:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        requests = CounterMetricFamily("pileus_http_requests", "Requests answered", labels=["service", "method", "status"])
        for (service, method, status), n in self.requests.items():
            requests.add_metric([service, method, str(status)], n)
        yield requests
        seconds = CounterMetricFamily("pileus_http_request_seconds", "Time spent answering", labels=["service", "method"])
        for (service, method), s in self.seconds.items():
            seconds.add_metric([service, method], s)
        yield seconds
        for name, (help, value) in self.gauges.items():
            yield GaugeMetricFamily(name, help, value=value())
