"""The Range header (RFC 9110, 14.2)."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re

FORM = re.compile(r"bytes\s*=\s*(.+)", re.I)
PIECE = re.compile(r"\s*(\d*)\s*-\s*(\d*)\s*")


def parse(header: str, size: int) -> list[tuple[int, int]] | None:
    """The pieces asked for as (first byte, length), in their order.

    None: the header is to be ignored. An empty list: none of it can be given (416).
    """
    found = FORM.fullmatch(header.strip())
    if found is None:
        return None
    pieces: list[tuple[int, int]] = []
    for text in found[1].split(","):
        piece = PIECE.fullmatch(text)
        if piece is None or not (piece[1] or piece[2]):
            return None
        if not piece[1]:
            length = min(int(piece[2]), size)
            if length:
                pieces.append((size - length, length))
            continue
        first = int(piece[1])
        last = min(int(piece[2]), size - 1) if piece[2] else size - 1
        if piece[2] and int(piece[2]) < first:
            return None
        if first < size:
            pieces.append((first, last - first + 1))
    return pieces
