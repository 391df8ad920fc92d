"""What kube-apiserver does with an ID token (--oidc-issuer-url, --oidc-client-id, --oidc-ca-file), in Python and on its own: nothing of tke-auth is
used. Behind the authenticator is next to nothing: every GET is answered with who the caller is."""
import http.server
import json
import ssl
import subprocess
import threading
import time

import requests
from jwcrypto import jwk, jws
from jwcrypto.common import base64url_decode

CURVES = {"EC": {"P-256", "P-384", "P-521"}, "OKP": {"Ed25519"}}


class Refused(Exception):
    pass


class Authenticator:
    def __init__(self, issuer, client_id, ca, username_claim="name", groups_claim="groups", algorithms=("RS256",)):
        self.issuer, self.client_id, self.ca = issuer, client_id, ca
        self.username_claim, self.groups_claim = username_claim, groups_claim
        self.algorithms = list(algorithms)  # go-oidc: RS256 unless --oidc-signing-algs says otherwise

    def fetch(self, url):
        session = requests.Session()
        session.trust_env = False
        answer = session.get(url, verify=self.ca, timeout=30)
        if answer.status_code != 200:
            raise Refused(f"{url}: {answer.status_code}")
        return answer.json()

    def keys(self):
        discovery = self.fetch(self.issuer.rstrip("/") + "/.well-known/openid-configuration")
        if discovery["issuer"] != self.issuer:
            raise Refused(f"issuer {discovery['issuer']!r} is not {self.issuer!r}")
        found = self.fetch(discovery["jwks_uri"])["keys"]
        for key in found:  # one key of another type makes the whole set undecodable
            if key["kty"] != "RSA" and key.get("crv") not in CURVES.get(key["kty"], ()):
                raise Refused(f"a key of type {key['kty']} {key.get('crv')}")
        return [jwk.JWK(**key) for key in found]

    def verified_payload(self, token):
        parts = token.split(".")
        if len(parts) != 3:
            raise Refused("not a compact JWS")
        header = json.loads(base64url_decode(parts[0]))
        if header.get("alg") not in self.algorithms:
            raise Refused(f"alg {header.get('alg')}")
        for key in self.keys():
            if "kid" in header and key.get("kid") != header["kid"]:
                continue
            signed = jws.JWS()
            signed.allowed_algs = self.algorithms
            try:
                signed.deserialize(token, key)
                return json.loads(signed.payload)
            except (jws.InvalidJWSSignature, jws.InvalidJWSObject):
                continue
        raise Refused("no key verifies it")

    def authenticate(self, token):
        claims = self.verified_payload(token)
        audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if claims["iss"] != self.issuer or self.client_id not in audience:
            raise Refused(f"iss {claims['iss']} aud {audience}")
        if not claims["exp"] > time.time():
            raise Refused("expired: there is no leeway")
        if "nbf" in claims and claims["nbf"] > time.time() + 60:
            raise Refused("not yet valid")
        name = claims.get(self.username_claim)
        if not isinstance(name, str) or name == "":
            raise Refused(f"username {name!r}")
        if self.username_claim == "email" and "email_verified" in claims and claims["email_verified"] is not True:
            raise Refused(f"email_verified {claims['email_verified']!r}")
        groups = claims.get(self.groups_claim) or []
        groups = [groups] if isinstance(groups, str) else groups
        if not isinstance(groups, list) or not all(isinstance(g, str) for g in groups):
            raise Refused(f"groups {groups!r}")
        return {"username": name, "groups": groups}


class TlsServer:
    """HTTPS on loopback with a certificate of its own: url, ca (a path)."""

    def __init__(self, folder, handler):
        self.ca = str(folder / "apiserver.pem")
        key = str(folder / "apiserver.key")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                        "-subj", "/CN=apiserver", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", self.ca],
                       check=True, capture_output=True)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class JsonHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer_unauthorized(self):
        self.answer(401, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Unauthorized", "code": 401,
                          "message": "Unauthorized"})

    def bearer(self):
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            raise Refused("no bearer token")
        return token

    def log_message(self, *args):
        pass


class ApiServer(TlsServer):
    def __init__(self, folder, authenticator):
        self.refusals = []
        outer = self

        class Handler(JsonHandler):
            def do_GET(self):
                try:
                    user = authenticator.authenticate(self.bearer())
                except Refused as why:
                    outer.refusals.append(str(why))
                    self.answer_unauthorized()
                    return
                if self.path.split("?")[0] == "/api":
                    self.answer(200, {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})
                elif self.path.split("?")[0] == "/apis":
                    self.answer(200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": []})
                else:
                    self.answer(200, user)

        super().__init__(folder, Handler)
