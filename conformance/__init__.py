"""How faithful the cloud is, judged by suites that others wrote.

`python -m conformance.run` starts a fresh simulated cloud, runs Tempest against it and keeps two files under
version control: `results.md`, what passed and what did not, per service, and `passing.txt`, the ratchet: a test
named there passed once and has to pass for ever. `python -m conformance.failures` explains the last run.

Nothing in here knows the inside of the cloud: it starts the command `pileus` and speaks HTTP.
"""
# SPDX-License-Identifier: Apache-2.0
