"""One request of S3's: what it is about, on whose behalf, and how the rest of the store is asked for it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from base64 import b64decode
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pileus.core.context import Context
from pileus.object_store.config import S3Config
from pileus.object_store.pipeline.grants import GRANTED, Granted
from pileus.object_store.pipeline.identity import Signer
from pileus.object_store.proxy.info import Info
from pileus.object_store.s3 import xml
from pileus.object_store.s3.errors import MARK, S3Error
from pileus.object_store.s3.signatures.claim import Claim
from pileus.object_store.storage.threads import Threads
from pileus.object_store.wire.message import Request, Response

if TYPE_CHECKING:
    from pileus.object_store.s3.feature import S3

#: status of the store → code, unless a handler knows better.
BY_STATUS = {400: "InvalidRequest", 401: "AccessDenied", 403: "AccessDenied", 405: "MethodNotAllowed", 408: "RequestTimeout",
             409: "InvalidBucketState", 411: "MissingContentLength", 412: "PreconditionFailed", 413: "EntityTooLarge", 416: "InvalidRange",
             422: "BadDigest", 499: "RequestTimeout", 501: "NotImplemented", 498: "SlowDown", 503: "ServiceUnavailable"}
#: On requests that S3 makes.
OWN = "s3.own"
#: Documents are read whole, and no longer than this.
LONGEST_DOCUMENT = 2 << 20


class Call:
    """`bucket` and `key` are empty where there is none. `params`: the query, blank values included."""

    __slots__ = ("account", "bucket", "claim", "feature", "granted", "home", "key", "params", "req", "secret", "token", "trusted", "who")

    def __init__(self, feature: S3, req: Request, bucket: str, key: str):
        self.feature, self.req, self.bucket, self.key = feature, req, bucket, key
        self.params = req.params
        self.claim: Claim | None = None
        self.secret: str | None = ""        # None: only who checked the signature knows it
        self.token = ""
        self.trusted = False                # the store's own, on nobody's behalf
        self.granted = Granted()            # what may be touched without a right to it of the caller's own
        self.who = Context()
        self.home = ""                      # the caller's own account; of who has no key none
        self.account = ""                   # the account that the bucket is in

    def owned_by(self, signer: Signer, claim: Claim) -> None:
        """From now on the call is made on behalf of who signed it: buckets are those of that project."""
        self.who, self.claim, self.secret, self.token = signer.who, claim, signer.secret, signer.token
        prefix = self.config.reseller_prefix if signer.prefix is None else signer.prefix
        self.account = self.home = f"{prefix}{signer.who.project_id}"

    def about(self, key: str, req: Request | None = None, *, bucket: str = "") -> Call:
        """A call of the same caller about another object, of the same bucket or of one that is still to be located."""
        made = Call(self.feature, req or self.req, bucket or self.bucket, key)
        made.who, made.claim, made.secret, made.token, made.home = self.who, self.claim, self.secret, self.token, self.home
        made.account = self.home if bucket else self.account
        return made

    def as_owner(self) -> Call:
        """The same call on the store's own behalf, to look at what decides whether the caller may make it."""
        return own_call(self.feature, self.account, self.bucket)

    @property
    def threads(self) -> Threads:
        """Where bodies are hashed."""
        return self.feature.store.proxy.threads

    @property
    def foreign(self) -> bool:
        """Whether the bucket is another project's."""
        return self.account != self.home

    @property
    def owner_id(self) -> str:
        """The project that the bucket is of."""
        return self.account.removeprefix(self.config.reseller_prefix)

    @property
    def config(self):
        return self.feature.store.config

    @property
    def s3(self) -> S3Config:
        return self.config.s3

    def header(self, name: str, default: str = "") -> str:
        return self.req.header(name, default)

    # ---- asking the rest of the store --------------------------------------------------------------------------------
    async def ask(self, method: str, container: str = "", obj: str = "", headers: Mapping[str, str] | None = None, *, query: str = "",
                  body: AsyncIterator[bytes] | None = None, facts: Mapping[str, Any] | None = None) -> Response:
        """The store's answer to a request of its own API, with the caller's rights. Raises S3Error from a body that is wrong."""
        path = f"/v1/{self.account}" + (f"/{container}" if container else "") + (f"/{obj}" if obj else "")
        sent = Request(method, path, headers, query=query, body=body, id=self.req.id)
        if self.token:
            sent.headers["x-auth-token"] = self.token
        elif self.home:
            sent.who = self.who
        elif "referer" in self.req.headers:     # lists of sites are for those who come without a key
            sent.headers["referer"] = self.req.headers["referer"]
        known = {name: self.req.facts[name] for name in ("client", "scheme") if name in self.req.facts}
        sent.facts = known | {"source": "S3", OWN: True, GRANTED: self.granted, **(facts or {})}
        sent.facts |= {"auth.trusted": True} if self.trusted else {}
        if method in ("PUT", "POST") and body is None:
            sent.headers.setdefault("content-length", "0")
        response = await self.feature.app(sent)
        if (error := response.facts.get(MARK)) is not None:
            raise error
        return response

    async def done(self, method: str, container: str = "", obj: str = "", headers: Mapping[str, str] | None = None, **more) -> Response:
        """As `ask`. Raises S3Error unless it went well."""
        response = await self.ask(method, container, obj, headers, **more)
        if not response.ok:
            raise await self.error(response, container, obj)
        return response

    async def error(self, response: Response, container: str = "", obj: str = "") -> S3Error:
        """What an answer that says no means here."""
        await response.close()
        status = response.status
        if status == 404:
            if not container or (obj and (await self.info(container)).exists):
                return S3Error("NoSuchKey", Key=obj)
            return S3Error("NoSuchBucket", BucketName=container)
        if status == 422 and self.header("content-md5"):
            return S3Error("BadDigest", ExpectedDigest=b64decode(self.header("content-md5")).hex())
        return S3Error(BY_STATUS.get(status, "InternalError"))

    async def found(self) -> Response:
        """The call's object, or the version of it that is named, as the store has it, whoever may read it: what decides who may."""
        found = await self.as_owner().ask("HEAD", self.bucket, self.key, query=version_query(self.params.get("versionId", "")))
        await found.close()
        return found

    async def info(self, container: str) -> Info:
        return await self.feature.store.container_info(self.account, container)

    async def bucket_info(self) -> Info:
        """The call's bucket. Raises S3Error when there is none."""
        info = await self.info(self.bucket)
        if not info.exists:
            raise S3Error("NoSuchBucket" if info.status == 404 else "ServiceUnavailable", BucketName=self.bucket)
        return info

    # ---- documents ---------------------------------------------------------------------------------------------------
    async def document(self, root: str, *, required: bool = True, checked: bool = True) -> xml.Node | None:
        """The request's XML; None when there is no body and none is required. Raises S3Error."""
        body = await self.read_body(checked=checked)
        if not body.strip():
            if required:
                raise S3Error("MissingRequestBodyError")
            return None
        try:
            return xml.parse(body, root)
        except ValueError:
            raise S3Error("MalformedXML") from None

    async def read_body(self, most: int = LONGEST_DOCUMENT, *, checked: bool = True) -> bytes:
        """The whole body; `checked`: by the checksum that headers tell, too. Raises S3Error when it is longer than `most`."""
        from pileus.object_store.s3 import payload

        if (self.req.length or 0) > most:
            raise S3Error("MalformedXML")
        return await payload.read(self, most, checked=checked)


def own_call(feature: S3, account: str, bucket: str) -> Call:
    """A call of the store's own about a bucket."""
    call = Call(feature, Request("GET", f"/{bucket}"), bucket, "")
    call.account, call.trusted = account, True
    return call


def answer(name: str, *children: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer that is a document."""
    return Response(status, {"content-type": "application/xml", **(headers or {})}, xml.document(name, *children))


def version_query(version: str) -> str:
    return f"version-id={quote(version)}" if version else ""


def url_quoted(text: str) -> str:
    return quote(text, safe="-_.~/", errors="surrogateescape")
