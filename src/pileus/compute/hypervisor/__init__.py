"""What makes a host run guests: one contract (`base`), and a driver per hypervisor: `qemu`, `simulated`.

Drivers import `base` and their own helpers, and nothing above them: no database, no bus, no HTTP. Which of them a host uses
is the configuration's business, see `pileus.hosts`.
"""

# SPDX-License-Identifier: Apache-2.0
