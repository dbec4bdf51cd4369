"""Consoles of servers for people: a page with a screen, and the WebSocket behind it that leads to the guest.

A token is the whole permission: it is made for one server and one kind of console, dies soon, and only its hash is stored.
Where the guest's console is, is asked of its host when somebody connects, and never remembered: the port may have become
another guest's. The proxy runs in the process of the API and reaches consoles on the hosts of that process.
"""
# SPDX-License-Identifier: Apache-2.0
