"""Rules as clients write and read them, and the requests about them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.object_store.s3 import kept, xml
from pileus.object_store.s3.call import Call, answer
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.s3.lifecycle import rules
from pileus.object_store.s3.lifecycle.rules import NAME, Rule
from pileus.object_store.s3.numbers import is_number
from pileus.object_store.wire.message import Response

MOST_RULES, LONGEST_ID = 1000, 255
ACTIONS = ("Expiration", "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload")


async def show(call: Call) -> Response:
    await call.done("HEAD", call.bucket)
    document = await kept.load(call, NAME)
    if document is None:
        raise S3Error("NoSuchLifecycleConfiguration", BucketName=call.bucket)
    return answer("LifecycleConfiguration", *(_shown(rule) for rule in rules.load(document)))


async def change(call: Call) -> Response:
    document = await call.document("LifecycleConfiguration")
    assert document is not None
    found = [_rule(call, node) for node in document.all("Rule")]
    if not 0 < len(found) <= MOST_RULES:
        raise S3Error("MalformedXML")
    if len({rule.id for rule in found}) < len(found):
        raise S3Error("InvalidArgument", "Rule ID must be unique. Found same ID for more than one rule")
    await kept.save(call, NAME, rules.stored(found))
    return Response(200)


async def remove(call: Call) -> Response:
    await kept.save(call, NAME, None)
    return Response(204)


def _rule(call: Call, node: xml.Node) -> Rule:
    """Raises S3Error for what is no rule, or one that this store could not keep."""
    if any(node.find(name) is not None for name in ("Transition", "NoncurrentVersionTransition")):
        raise S3Error("NotImplemented", "There is one class of storage.")
    if node.value("Status") not in ("Enabled", "Disabled") or not any(node.find(name) is not None for name in ACTIONS):
        raise S3Error("MalformedXML")
    name = node.value("ID") or call.feature.store.ids.hex()
    if len(name) > LONGEST_ID:
        raise S3Error("InvalidArgument", "ID length should not exceed allowed limit of 255")
    chosen = node.find("Filter")
    if chosen is not None and node.find("Prefix") is not None:
        raise S3Error("MalformedXML")
    within = (chosen.find("And") or chosen) if chosen is not None else node
    expiration = node.find("Expiration")
    rule = Rule(id=name, enabled=node.value("Status") == "Enabled", old_form=chosen is None, prefix=_text(within, "Prefix"),
                tags=tuple((tag.value("Key"), tag.value("Value")) for tag in within.all("Tag")) if chosen is not None else (),
                larger=_number(within, "ObjectSizeGreaterThan", 0), smaller=_number(within, "ObjectSizeLessThan", 1),
                days=_number(expiration, "Days"), date=_date(expiration),
                markers=expiration is not None and expiration.value("ExpiredObjectDeleteMarker") == "true",
                noncurrent_days=_number(node.find("NoncurrentVersionExpiration"), "NoncurrentDays"),
                newer_noncurrent=_number(node.find("NoncurrentVersionExpiration"), "NewerNoncurrentVersions") or 0,
                abort_days=_number(node.find("AbortIncompleteMultipartUpload"), "DaysAfterInitiation"))
    _check(rule, node)
    return rule


def _check(rule: Rule, node: xml.Node) -> None:
    expiration = (rule.days is not None) + (rule.date is not None) + rule.markers
    if (expiration != 1 and node.find("Expiration") is not None) or (rule.abort_days is not None and rule.tags):
        raise S3Error("MalformedXML")
    if node.find("NoncurrentVersionExpiration") is not None and rule.noncurrent_days is None:
        raise S3Error("MalformedXML")
    if node.find("AbortIncompleteMultipartUpload") is not None and rule.abort_days is None:
        raise S3Error("MalformedXML")


def _text(node: xml.Node, name: str) -> str:
    found = node.find(name)
    return found.text if found is not None else ""


def _number(node: xml.Node | None, name: str, least: int = 1) -> int | None:
    if node is None or node.find(name) is None:
        return None
    text = node.value(name)
    if not (is_number(text) and least <= int(text) < 1 << 40):
        raise S3Error("InvalidArgument", f"'{name}' must be an integer of at least {least}", ArgumentName=name, ArgumentValue=text)
    return int(text)


def _date(node: xml.Node | None) -> str | None:
    if node is None or node.find("Date") is None:
        return None
    try:
        return rules.moment(node.value("Date")).isoformat()
    except ValueError:
        raise S3Error("InvalidArgument", "'Date' must be at midnight GMT", ArgumentName="Date", ArgumentValue=node.value("Date")) from None


def _shown(rule: Rule) -> str:
    parts = [xml.tag("ID", rule.id), _shown_filter(rule), xml.tag("Status", "Enabled" if rule.enabled else "Disabled")]
    expiration = [xml.tag("Days", rule.days)] if rule.days is not None else \
        [xml.tag("Date", rule.date.replace("+00:00", ".000Z"))] if rule.date is not None else \
        [xml.tag("ExpiredObjectDeleteMarker", True)] if rule.markers else []
    if expiration:
        parts.append(xml.node("Expiration", *expiration))
    if rule.noncurrent_days is not None:
        newer = [xml.tag("NewerNoncurrentVersions", rule.newer_noncurrent)] if rule.newer_noncurrent else []
        parts.append(xml.node("NoncurrentVersionExpiration", xml.tag("NoncurrentDays", rule.noncurrent_days), *newer))
    if rule.abort_days is not None:
        parts.append(xml.node("AbortIncompleteMultipartUpload", xml.tag("DaysAfterInitiation", rule.abort_days)))
    return xml.node("Rule", *parts)


def _shown_filter(rule: Rule) -> str:
    if rule.old_form:
        return xml.tag("Prefix", rule.prefix)
    parts = [xml.tag("Prefix", rule.prefix)] if rule.prefix else []
    parts += [xml.node("Tag", xml.tag("Key", key), xml.tag("Value", value)) for key, value in rule.tags]
    parts += [xml.tag(name, size) for name, size in (("ObjectSizeGreaterThan", rule.larger), ("ObjectSizeLessThan", rule.smaller))
              if size is not None]
    return xml.node("Filter", *([xml.node("And", *parts)] if len(parts) > 1 else parts or [xml.tag("Prefix")]))
