"""Requests of browsers on behalf of other sites (User guide, "Using CORS"): each bucket has rules of which sites it answers.

A browser asks first, with the signed URL that it is going to use but without a right to anything; whose bucket it is about is
told by the access key in that URL.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pileus.object_store.s3 import kept, xml
from pileus.object_store.s3.call import Call, answer
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.s3.numbers import is_number
from pileus.object_store.wire.message import Response

NAME = "cors"
METHODS = ("GET", "PUT", "HEAD", "POST", "DELETE")
MOST_RULES = 100
VARY = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    id: str = ""
    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    max_age: str = ""

    def fits(self, origin: str, method: str, headers: tuple[str, ...]) -> bool:
        return (method in self.methods and any(_like(pattern, origin) for pattern in self.origins)
                and all(any(_like(pattern.lower(), header) for pattern in self.headers) for header in headers))

    def told(self, origin: str, headers: tuple[str, ...]) -> dict[str, str]:
        """What a browser is told when it may."""
        anybody = self.origins == ("*",)
        told = {"access-control-allow-origin": "*" if anybody else origin, "access-control-allow-methods": ", ".join(self.methods),
                "vary": VARY}
        told |= {} if anybody else {"access-control-allow-credentials": "true"}
        told |= {"access-control-allow-headers": ", ".join(headers)} if headers else {}
        told |= {"access-control-expose-headers": ", ".join(self.exposed)} if self.exposed else {}
        return told | ({"access-control-max-age": self.max_age} if self.max_age else {})


def _like(pattern: str, text: str) -> bool:
    """Whether a text is as a pattern with at most one `*` says."""
    before, star, after = pattern.partition("*")
    if not star:
        return pattern == text
    return text.startswith(before) and text.endswith(after) and len(text) >= len(before) + len(after)


async def preflight(call: Call) -> Response:
    """OPTIONS. Raises S3Error for a site that may not."""
    origin, method = call.header("origin"), call.header("access-control-request-method")
    if not origin or method not in METHODS:
        raise S3Error("InvalidRequest", "Insufficient information. Origin request header needed.")
    asked = tuple(name.strip().lower() for name in call.header("access-control-request-headers").split(",") if name.strip())
    told = await _told(call, origin, method, asked)
    if not told:
        raise S3Error("AccessDenied", "CORSResponse: This CORS request is not allowed.")
    return Response(200, told)


async def expose(call: Call, response: Response) -> None:
    """Tell the browser that it may show the answer to a site, if it may."""
    if (origin := call.header("origin")) and call.account and call.bucket:
        response.headers |= await _told(call, origin, call.req.method, ())


async def _told(call: Call, origin: str, method: str, headers: tuple[str, ...]) -> Mapping[str, str]:
    document = kept.read(await call.info(call.bucket), NAME)
    if document is None:
        return {}
    rules = msgspec.json.decode(document, type=list[Rule])
    return next((rule.told(origin, headers) for rule in rules if rule.fits(origin, method, headers)), {})


async def show(call: Call) -> Response:
    await call.done("HEAD", call.bucket)
    document = await kept.load(call, NAME)
    if document is None:
        raise S3Error("NoSuchCORSConfiguration", BucketName=call.bucket)
    return answer("CORSConfiguration", *(_shown(rule) for rule in msgspec.json.decode(document, type=list[Rule])))


async def change(call: Call) -> Response:
    document = await call.document("CORSConfiguration")
    assert document is not None
    rules = [_rule(node) for node in document.all("CORSRule")]
    if not 0 < len(rules) <= MOST_RULES:
        raise S3Error("MalformedXML")
    await kept.save(call, NAME, msgspec.json.encode(rules))
    return Response(200)


async def remove(call: Call) -> Response:
    await kept.save(call, NAME, None)
    return Response(204)


def _rule(node: xml.Node) -> Rule:
    """Raises S3Error."""
    def texts(name: str) -> tuple[str, ...]:
        return tuple(child.text.strip() for child in node.all(name))

    rule = Rule(id=node.value("ID"), origins=texts("AllowedOrigin"), methods=texts("AllowedMethod"), headers=texts("AllowedHeader"),
                exposed=texts("ExposeHeader"), max_age=node.value("MaxAgeSeconds"))
    if not rule.origins or not rule.methods or (rule.max_age and not is_number(rule.max_age)):
        raise S3Error("MalformedXML")
    for method in rule.methods:
        if method not in METHODS:
            raise S3Error("InvalidRequest", f"Found unsupported HTTP method in CORS config. Unsupported method is {method}")
    for pattern in (*rule.origins, *rule.headers):
        if pattern.count("*") > 1:
            raise S3Error("InvalidRequest", f'AllowedOrigin "{pattern}" can not have more than one wildcard.')
    if any(not text.isprintable() or not text.isascii() for text in (*rule.origins, *rule.headers, *rule.exposed)):
        raise S3Error("InvalidRequest", "Origins and headers are of printable characters.")
    return rule


def _shown(rule: Rule) -> str:
    parts = [xml.tag("ID", rule.id)] if rule.id else []
    for name, values in (("AllowedOrigin", rule.origins), ("AllowedMethod", rule.methods), ("AllowedHeader", rule.headers),
                         ("ExposeHeader", rule.exposed)):
        parts += [xml.tag(name, value) for value in values]
    return xml.node("CORSRule", *parts, *([xml.tag("MaxAgeSeconds", rule.max_age)] if rule.max_age else []))
