"""What kube-apiserver's aggregation layer does in front of an extension server, in Python and on its own: it finds out who calls, by tokens of its
own or by the TokenReview webhook, and passes the request on as it came, with the caller in headers, over a connection that its front-proxy
certificate vouches for."""
import http.client
import json
import socket
import ssl
import urllib.parse

from apiserver import JsonHandler, Refused, TlsServer
from support import START_TIMEOUT

GROUP = "auth.tkestack.io"
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "authorization", "te", "upgrade"}


class Backend:
    """An extension server as an APIService names it. `certificate` is (certificate, key) of the front proxy, or None."""

    def __init__(self, port, name, ca, certificate):
        self.port, self.name = port, name
        self.context = ssl.create_default_context(cafile=ca)
        if certificate:
            self.context.load_cert_chain(*certificate)

    def connect(self):
        connection = http.client.HTTPConnection(self.name, timeout=START_TIMEOUT)
        plain = socket.create_connection(("127.0.0.1", self.port), START_TIMEOUT)
        connection.sock = self.context.wrap_socket(plain, server_hostname=self.name)
        return connection

    def send(self, method, path, headers, body=None):
        """The answer, to be read; its connection is its attribute `connection`. `headers` is a list of pairs."""
        connection = self.connect()
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        answer.connection = connection
        return answer

    def json(self, method, path, headers, document=None):
        """(status, answer)"""
        body = None if document is None else json.dumps(document).encode()
        answer = self.send(method, path, [("Content-Type", "application/json"), *headers], body)
        text = answer.read()
        answer.connection.close()
        return answer.status, json.loads(text) if text.startswith(b"{") else text.decode()


def identity_headers(user):
    """Who calls, as kube-apiserver writes it (k8s.io/client-go/transport, SetAuthProxyHeaders)."""
    headers = [("X-Remote-User", user["username"])]
    headers += [("X-Remote-Group", group) for group in user.get("groups", [])]
    for key, values in user.get("extra", {}).items():
        headers += [("X-Remote-Extra-" + urllib.parse.quote(key, safe=""), value) for value in values]
    return headers


def token_review(port, ca, certificate):
    """The authentication webhook of deploy/kube-apiserver: token -> user."""
    backend = Backend(port, "localhost", ca, certificate)

    def review(token):
        status, answer = backend.json("POST", "/auth/authn", [], {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
                                                                    "spec": {"token": token}})
        if status != 200 or not answer["status"].get("authenticated"):
            raise Refused(str(answer))
        return answer["status"]["user"]

    return review


class FrontProxy(TlsServer):
    """`users`: {token: {"username", "groups", "extra"}}; `review(token)` finds the others. `forwarded` is what went through."""

    def __init__(self, folder, backend, users, review=None):
        self.backend, self.users, self.review, self.forwarded = backend, users, review, []
        outer = self

        class Handler(JsonHandler):
            def caller(self):
                token = self.bearer()
                user = outer.users.get(token) or (outer.review(token) if outer.review else None)
                if user is None:
                    raise Refused("nobody knows the token")
                user = dict(user, groups=[*user.get("groups", []), "system:authenticated"])
                named = self.headers.get("Impersonate-User")
                if named is None:
                    return user
                if "system:masters" not in user["groups"]:
                    raise Refused("may not impersonate")
                extra = {k[len("impersonate-extra-"):].lower(): self.headers.get_all(k) for k in self.headers.keys()
                         if k.lower().startswith("impersonate-extra-")}
                return {"username": named, "groups": [*self.headers.get_all("Impersonate-Group", []), "system:authenticated"], "extra": extra}

            def handle_any(self):
                try:
                    user = self.caller()
                except Refused:
                    return self.answer_unauthorized()
                path = self.path.split("?")[0]
                if path == "/api":
                    return self.answer(200, {"kind": "APIVersions", "versions": [], "serverAddressByClientCIDRs": []})
                if path == "/apis":
                    _, group = outer.backend.json("GET", f"/apis/{GROUP}", identity_headers({"username": "system:kube-aggregator",
                                                                                              "groups": ["system:masters"]}))
                    return self.answer(200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group]})
                self.forward(user)

            def forward(self, user):
                outer.forwarded.append((self.command, self.path))
                headers = [(k, v) for k, v in self.headers.items()
                           if k.lower() not in HOP_BY_HOP and not k.lower().startswith(("x-remote-", "impersonate-"))]
                length = self.headers.get("Content-Length")
                body = self.rfile.read(int(length)) if length else None
                answer = outer.backend.send(self.command, self.path, headers + identity_headers(user), body)
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in HOP_BY_HOP:
                        self.send_header(name, value)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                try:
                    while chunk := answer.read1(65536):
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                    self.wfile.write(b"0\r\n\r\n")
                except OSError:  # a watcher that has seen enough
                    self.close_connection = True
                finally:
                    answer.connection.close()

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

        super().__init__(folder, Handler)
