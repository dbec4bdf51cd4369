"""The feature of the pipeline that answers S3's requests: who asks, what for, and the handler of `routes.py`.

It is outside of everything that knows rights and names, so that what it asks passes all of it; inside of the gatekeeper, so
that it may keep system metadata.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.errors import Unauthenticated, Unavailable
from pileus.core.log import Log
from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.pipeline.identity import Signed, Signer
from pileus.object_store.pipeline.temp_auth import TempAuth
from pileus.object_store.s3 import cors, errors, names, rights, routes, shared, signatures
from pileus.object_store.s3.call import Call
from pileus.object_store.s3.errors import MARK, S3Error
from pileus.object_store.s3.form import upload
from pileus.object_store.s3.signatures.claim import Claim
from pileus.object_store.wire.asgi import ClientGone
from pileus.object_store.wire.body import drain
from pileus.object_store.wire.message import Request, Response, Stop

log = Log("pileus.object_store.s3")
#: A body up to this that nobody wanted is read all the same: clients that send it first would not see what is wrong.
UNKNOWN_FORGIVEN, KNOWN_FORGIVEN = 1 << 20, 128 << 20
FORGIVEN = "s3.forgiven"


class S3(Feature):
    def info(self) -> dict[str, Any]:
        if not self.enabled:
            return {}
        config = self.store.config.s3
        return {"s3api": {"max_bucket_listing": config.max_bucket_listing, "max_parts_listing": config.max_parts_listing,
                          "max_upload_part_num": config.max_upload_part_num, "max_multi_delete_objects": config.max_multi_delete_objects,
                          "allow_multipart_uploads": True, "min_segment_size": config.min_segment_size, "s3_acl": config.s3_acl}}

    @property
    def enabled(self) -> bool:
        """Whether anybody can have a key."""
        return self.store.signers is not None or bool(self.store.config.temp_auth.users)

    def wanted(self) -> bool:
        return self.enabled

    def concerns(self, req: Request) -> bool:
        return names.is_ours(req, self.store.config.s3.storage_domains)

    async def __call__(self, req: Request) -> Response:
        call = Call(self, req, *names.split(req, self.store.config.s3.storage_domains))
        try:
            response = await self._answered(call)
        except Stop as stop:
            response = stop.response
        except ClientGone:
            response = S3Error("RequestTimeout").response
        except Exception:
            log.exception("unexpected error", method=req.method, path=req.path, request=req.id)
            response = S3Error("InternalError").response
        if (error := response.facts.get(MARK)) is not None:
            response.body = b"" if req.method == "HEAD" else errors.body(error, req.id)
            if req.body is not None and "expect" not in req.headers and (req.length or 0) <= req.facts.get(FORGIVEN, UNKNOWN_FORGIVEN):
                await _drained(req)
        await cors.expose(call, response)
        response.headers |= {"x-amz-request-id": req.id, "x-amz-id-2": req.id}
        response.headers.setdefault("content-type", "text/html; charset=UTF-8")
        return response

    async def _answered(self, call: Call) -> Response:
        if upload.is_form(call):
            return await upload.upload(call)        # it has its signature inside
        claim = self._claim(call)
        if call.req.method == "OPTIONS" and call.bucket:
            if claim is not None:
                call.owned_by(await self._signer(call, claim), claim)   # browsers ask before they sign: only what sites may do is told
            await shared.locate(call)
            return await cors.preflight(call)
        if claim is not None:
            await self.admit(call, claim)
        names.check(call)
        handler, action = routes.find(call)
        if action != routes.CREATE_BUCKET:
            await shared.locate(call)
        elif claim is None:
            raise S3Error("AccessDenied")
        if action:
            await rights.enforce(call, action)
        return await handler(call)

    def _claim(self, call: Call) -> Claim | None:
        """What the request claims to be; None when it is nobody's."""
        config, req = self.store.config.s3, call.req
        if req.method == "OPTIONS":             # what will be asked was signed, not the question whether it may be
            req = Request(call.header("access-control-request-method"), req.path, req.headers, query=req.query)
        return signatures.read(names.signed_form(req, config.storage_domains), self.store.clock.now(), config.regions)

    async def _signer(self, call: Call, claim: Claim) -> Signer:
        """Raises S3Error when nobody has the key that is claimed."""
        users = self.store.features[TempAuth.__name__]
        assert isinstance(users, TempAuth)
        signer = users.signer(claim.access)
        if signer is None and self.store.signers is not None:
            signed = Signed(texts=(claim.text, *claim.others), signature=claim.signature)
            try:
                signer = await self.store.signers(claim.access, signed, request_id=call.req.id)
            except Unauthenticated:
                raise S3Error("AccessDenied") from None
            except Unavailable:
                raise S3Error("ServiceUnavailable", "Whose the key is cannot be found out now.") from None
        if signer is None:
            raise S3Error("InvalidAccessKeyId", AWSAccessKeyId=claim.access)
        return signer

    async def admit(self, call: Call, claim: Claim) -> None:
        """Raises S3Error unless somebody has the key that is claimed, and signed with it."""
        signer = await self._signer(call, claim)
        if signer.secret is not None:
            claim.check(signer.secret)
        call.req.facts[FORGIVEN] = KNOWN_FORGIVEN
        call.owned_by(signer, claim)


async def _drained(req: Request) -> None:
    try:
        await drain(req.body)
    except ClientGone:
        log.debug("a client went away before its refusal", path=req.path, request=req.id)
