"""A small OpenID Connect provider on a port of its own: discovery, keys, an authorization endpoint that logs in whoever is
named in `ann` at once, and a token endpoint that checks the client, the code and PKCE. It signs with joserfc."""

import base64
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

CLIENT, SECRET = "pileus", "client-secret"


class Provider:
    def __init__(self):
        from joserfc.jwk import RSAKey

        self.keys = [RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})]
        self.person = {"sub": "ann-1", "email": "ann@x", "groups": ["dev", "guests"]}
        self.now = time.time
        self.codes: dict[str, dict] = {}
        self.asked: list[str] = []
        self.opaque: dict[str, dict] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def token(self, *, key=None, algorithm="RS256", **claims) -> str:
        from joserfc import jwt

        key = key or self.keys[-1]
        now = int(self.now())
        said = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300} | self.person | claims
        header = {"alg": algorithm} | ({"kid": key.kid} if key.kid else {})
        return jwt.encode(header, {k: v for k, v in said.items() if v is not None}, key, algorithms=[algorithm])

    def rotate(self):
        from joserfc.jwk import RSAKey

        self.keys.append(RSAKey.generate_key(2048, {"kid": f"k{len(self.keys) + 1}", "use": "sig"}))


def _handler(provider: Provider):
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args):
            pass

        def answer(self, body, status=200):
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self):
            url = urlsplit(self.path)
            provider.asked.append(url.path)
            query = {k: v[0] for k, v in parse_qs(url.query).items()}
            if url.path == "/.well-known/openid-configuration":
                at = provider.issuer
                self.answer({"issuer": at, "jwks_uri": f"{at}/keys", "authorization_endpoint": f"{at}/authorize",
                             "token_endpoint": f"{at}/token", "introspection_endpoint": f"{at}/introspect"})
            elif url.path == "/keys":
                self.answer({"keys": [key.as_dict(private=False) for key in provider.keys]})
            elif url.path == "/authorize":
                code = hashlib.sha256(self.path.encode()).hexdigest()
                provider.codes[code] = query
                self.send_response(302)
                self.send_header("location", query["redirect_uri"] + "?" + urlencode({"code": code, "state": query["state"]}))
                self.send_header("content-length", "0")
                self.end_headers()

        def do_POST(self):
            form = {k: v[0] for k, v in parse_qs(self.rfile.read(int(self.headers["content-length"])).decode()).items()}
            if self.path == "/introspect":
                provider.asked.append(self.path)
                known = self.headers.get("authorization") == "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
                return self.answer(provider.opaque.get(form["token"], {"active": False}) if known else {}, 200 if known else 401)
            order = provider.codes.pop(form.get("code", ""), None)
            proof = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
            challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).decode().rstrip("=")
            fine = (order is not None and self.headers.get("authorization") == f"Basic {proof}"
                    and order["redirect_uri"] == form["redirect_uri"] and order["code_challenge"] == challenge)
            if fine:
                self.answer({"token_type": "Bearer", "access_token": "x", "id_token": provider.token(nonce=order["nonce"])})
            else:
                self.answer({"error": "invalid_grant"}, 400)

    return Handler
