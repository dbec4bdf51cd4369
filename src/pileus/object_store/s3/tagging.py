"""Tags of objects and buckets (User guide, "Categorizing your storage using tags")."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode

from pileus.object_store.s3 import xml
from pileus.object_store.s3.errors import S3Error

TEXT = re.compile(r"[\w\s+\-=.:/@]*", re.UNICODE)
LONGEST_KEY, LONGEST_VALUE = 128, 256


def stored(pairs: Sequence[tuple[str, str]], most: int) -> str:
    """As they are kept. Raises S3Error for what are no tags."""
    if len(pairs) > most:
        raise S3Error("InvalidTag" if most > 10 else "InvalidArgument", f"Object tags cannot be greater than {most}")
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        raise S3Error("InvalidTag", "Cannot provide multiple Tags with the same key")
    for key, value in pairs:
        if not key or len(key) > LONGEST_KEY or not TEXT.fullmatch(key) or key.startswith("aws:"):
            raise S3Error("InvalidTag", "The TagKey you have provided is invalid", TagKey=key)
        if len(value) > LONGEST_VALUE or not TEXT.fullmatch(value):
            raise S3Error("InvalidTag", "The TagValue you have provided is invalid", TagKey=key, TagValue=value)
    return urlencode(pairs)


def read(document: xml.Node, most: int) -> str:
    """Tags of a document, as they are kept."""
    tags = document.find("TagSet")
    if tags is None:
        raise S3Error("MalformedXML")
    return stored([(tag.value("Key"), tag.value("Value")) for tag in tags.all("Tag")], most)


def shown(kept: str) -> str:
    pairs = parse_qsl(kept, keep_blank_values=True)
    return xml.node("TagSet", *(xml.node("Tag", xml.tag("Key", key), xml.tag("Value", value)) for key, value in pairs))
