"""Checks of what a caller says about a port: DHCP options, address pairs. Pure."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from collections.abc import Sequence

from pileus.core.errors import Invalid
from pileus.network import addressing, errors
from pileus.network.model import AddressPair, DhcpOption

_OPTION_NAME = re.compile(r"^[A-Za-z0-9:_!,.\-]{1,64}$")


def dhcp_options(wanted: Sequence[DhcpOption] | None, have: Sequence[DhcpOption] = ()) -> tuple[DhcpOption, ...]:
    """The options a port has after `wanted` was said of it: one without a value takes it away.

    They end up in the configuration of a DHCP server, line by line: nothing that could end a line is let in (OSSA-2021-005).
    """
    found = {(option.opt_name, option.ip_version): option for option in have}
    said = set()
    for option in wanted or ():
        key = (option.opt_name, option.ip_version)
        if not _OPTION_NAME.match(option.opt_name) or option.ip_version not in (4, 6):
            raise Invalid(f"Invalid input for extra_dhcp_opts. Reason: '{option.opt_name!r}' is not the name of a DHCP option.")
        if option.opt_value is not None and (len(option.opt_value) > 255 or not option.opt_value.isprintable()):
            raise Invalid(
                f"Invalid input for extra_dhcp_opts. Reason: the value of '{option.opt_name}' is too long or not printable."
            )
        if key in said:
            raise Invalid(f"Invalid input for extra_dhcp_opts. Reason: duplicate option '{option.opt_name}'.")
        said.add(key)
        if option.opt_value is None:
            found.pop(key, None)
        else:
            found[key] = option
    return tuple(found.values())


def address_pairs(wanted: Sequence[AddressPair] | None, mac: str, most: int) -> tuple[AddressPair, ...]:
    """The pairs with canonical addresses, the port's own MAC where none was named."""
    if len(wanted or ()) > most:
        raise errors.AllowedAddressPairExhausted(limit=most)
    found: list[AddressPair] = []
    for pair in wanted or ():
        ip = _range(pair.ip_address) if "/" in pair.ip_address else addressing.address(pair.ip_address, "allowed_address_pairs")
        one = AddressPair(ip_address=ip, mac_address=addressing.mac(pair.mac_address) if pair.mac_address else mac)
        if one in found:
            raise errors.DuplicateAddressPairInRequest(mac=one.mac_address, ip=ip)
        found.append(one)
    return tuple(found)


def _range(cidr: str) -> str:
    """A range as it was said, checked: host bits stay, as upstream keeps them."""
    net = addressing.network_of(cidr)
    if net.is_multicast:
        raise errors.InvalidInput(why=f"{cidr} is a multicast range")
    return cidr.strip().lower()


def device(owner: str, device_id: str) -> None:
    """Names that end up in other programs' hands have no control characters."""
    for text in (owner, device_id):
        if not text.isprintable():
            raise Invalid("Invalid input for device_id or device_owner. Reason: not printable.")
