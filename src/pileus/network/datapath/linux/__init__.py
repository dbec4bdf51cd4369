"""The Linux datapath: bridges, VXLAN, network namespaces, nftables and dnsmasq. Kernel features only, no daemon to run.

From the wanted state to the kernel in four steps, of which three are pure:

- `layout` says what has to be there: namespaces with links, addresses and routes; `security`, `spoof`, `tracking`, `rule` and
  `nat` the rules; `dhcp` what dnsmasq is told; `model` has the types, `names` the names and the mark of ownership.
- `kernel` says what is there, in the same types.
- `diff` says what to do.
- `worker` has it done, in an order that is safe at every moment: by `kernel`, `netns`, `dnsmasq`, `conntrack`, `announce`.

`driver` puts all that behind the contract, on a thread of its own. `probe` says what this machine can do.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.network.datapath.linux.driver import Linux
from pileus.network.datapath.linux.model import Options

__all__ = ["Linux", "Options"]
