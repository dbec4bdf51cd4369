"""`pileus bench`: the same work, measured, against any OpenStack cloud of a clouds.yaml.

What is measured is a literal table, `scenarios.SCENARIOS`. The client is a few hundred lines on asyncio's protocols
because on two cores a common HTTP library costs more per request than the cloud it measures; what the client itself
costs is part of every report.

Not part of the cloud: nothing here imports a service, and nothing imports this but the command line. It makes what it
needs in the project it logs in to, under names that begin with `bench-`, and deletes it at the end.
"""

# SPDX-License-Identifier: Apache-2.0
