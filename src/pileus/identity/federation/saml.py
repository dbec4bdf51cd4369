"""SAML 2.0 as an identity provider: what another cloud (service provider) is told of who holds a token here.

The assertion is signed with a key of this cloud's own, which its metadata publish; it lives no longer than the token. signxml
and lxml are loaded when the first one is made: they are the extra `saml`.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from pileus.core.clock import iso
from pileus.core.errors import Invalid

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from lxml.etree import _Element

_SAML, _SAMLP = "urn:oasis:names:tc:SAML:2.0:assertion", "urn:oasis:names:tc:SAML:2.0:protocol"
_MD, _DS = "urn:oasis:names:tc:SAML:2.0:metadata", "http://www.w3.org/2000/09/xmldsig#"
_SOAP, _ECP = "http://schemas.xmlsoap.org/soap/envelope/", "urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp"
_XSI, _XS = "http://www.w3.org/2001/XMLSchema-instance", "http://www.w3.org/2001/XMLSchema"


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be said, to whom (`recipient`), and how long it is true. `ids`: of the response, the assertion, the session."""

    issuer: str
    recipient: str
    user: str
    attributes: dict[str, list[str]]
    now: datetime
    until: datetime
    ids: tuple[str, str, str]


def response(said: Statement, key: RSAPrivateKey, certificate: x509.Certificate) -> _Element:
    """A response with the signed assertion. Raises Invalid for names that XML cannot hold."""
    from lxml import etree
    from signxml import XMLSigner
    from signxml.algorithms import CanonicalizationMethod

    try:
        assertion = _assertion(said)
    except ValueError:
        raise Invalid("A name has characters that cannot be written in XML.") from None
    signer = XMLSigner(c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0)
    signed = signer.sign(assertion, key=key, cert=[_pem(certificate)], reference_uri=said.ids[1])
    root = etree.Element(f"{{{_SAMLP}}}Response", _versioned(said.ids[0], said.now) | {"Destination": said.recipient},
                         nsmap={"samlp": _SAMLP, "saml": _SAML})
    _add(root, _SAML, "Issuer", said.issuer)
    _add(_add(root, _SAMLP, "Status"), _SAMLP, "StatusCode", Value="urn:oasis:names:tc:SAML:2.0:status:Success")
    root.append(signed)
    return root


def enveloped(inner: _Element, relay_state: str) -> _Element:
    """The response as an enhanced client (ECP) hands it on: in SOAP."""
    from lxml import etree

    root = etree.Element(f"{{{_SOAP}}}Envelope", nsmap={"soap11": _SOAP, "ecp": _ECP})
    state = _add(_add(root, _SOAP, "Header"), _ECP, "RelayState", relay_state)
    state.set(f"{{{_SOAP}}}actor", "http://schemas.xmlsoap.org/soap/actor/next")
    state.set(f"{{{_SOAP}}}mustUnderstand", "1")
    _add(root, _SOAP, "Body").append(inner)
    return root


def metadata(entity_id: str, sso_url: str, certificates: list[x509.Certificate]) -> _Element:
    """What service providers are configured with. `certificates`: each of those that assertions may be signed with."""
    from cryptography.hazmat.primitives.serialization import Encoding
    from lxml import etree

    root = etree.Element(f"{{{_MD}}}EntityDescriptor", {"entityID": entity_id}, nsmap={"md": _MD, "ds": _DS})
    idp = _add(root, _MD, "IDPSSODescriptor", protocolSupportEnumeration=_SAMLP)
    for certificate in certificates:
        data = _add(_add(_add(idp, _MD, "KeyDescriptor", use="signing"), _DS, "KeyInfo"), _DS, "X509Data")
        _add(data, _DS, "X509Certificate", base64.b64encode(certificate.public_bytes(Encoding.DER)).decode())
    _add(idp, _MD, "SingleSignOnService", Binding="urn:oasis:names:tc:SAML:2.0:bindings:URI", Location=sso_url)
    return root


def written(root: _Element) -> bytes:
    from lxml import etree

    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _assertion(said: Statement) -> _Element:
    from lxml import etree

    end = iso(said.until) or ""
    root = etree.Element(f"{{{_SAML}}}Assertion", _versioned(said.ids[1], said.now),
                         nsmap={"saml": _SAML, "ds": _DS, "xs": _XS, "xsi": _XSI})
    _add(root, _SAML, "Issuer", said.issuer)
    _add(root, _DS, "Signature", Id="placeholder")  # where the signature goes
    subject = _add(root, _SAML, "Subject")
    _add(subject, _SAML, "NameID", said.user)
    bearer = _add(subject, _SAML, "SubjectConfirmation", Method="urn:oasis:names:tc:SAML:2.0:cm:bearer")
    _add(bearer, _SAML, "SubjectConfirmationData", NotOnOrAfter=end, Recipient=said.recipient)
    _add(root, _SAML, "Conditions", NotOnOrAfter=end)
    login = _add(root, _SAML, "AuthnStatement", AuthnInstant=iso(said.now) or "", SessionIndex=said.ids[2], SessionNotOnOrAfter=end)
    context = _add(login, _SAML, "AuthnContext")
    _add(context, _SAML, "AuthnContextClassRef", "urn:oasis:names:tc:SAML:2.0:ac:classes:Password")
    _add(context, _SAML, "AuthenticatingAuthority", said.issuer)
    statement = _add(root, _SAML, "AttributeStatement")
    for name, values in said.attributes.items():
        attribute = _add(statement, _SAML, "Attribute", Name=name)
        for value in values:
            _add(attribute, _SAML, "AttributeValue", value).set(f"{{{_XSI}}}type", "xs:string")
    return root


def _versioned(id: str, now: datetime) -> dict[str, str]:
    return {"ID": id, "Version": "2.0", "IssueInstant": iso(now) or ""}


def _add(parent: _Element, namespace: str, name: str, text: str | None = None, **attributes: Any) -> _Element:
    from lxml import etree

    made = etree.SubElement(parent, f"{{{namespace}}}{name}", attributes)
    made.text = text
    return made


def _pem(certificate: x509.Certificate) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM).decode()
