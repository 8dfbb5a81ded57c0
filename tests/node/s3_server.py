"""A server with the part of S3's protocol that nodes use. It checks each signature, and keeps objects in a directory.

    s3_server.py DIR CERTIFICATE KEY    prints its port, then serves until it is ended
"""

import hashlib
import hmac
import http.server
import pathlib
import ssl
import sys
import urllib.parse

ACCOUNT, SECRET, REGION = "AKIDTEST", "secret/of+test", "eu-central-1"
FOLDER = pathlib.Path(sys.argv[1])


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class Server(http.server.BaseHTTPRequestHandler):
    """Answers requests for /BUCKET and /BUCKET/KEY."""

    def expected(self, body):
        """Returns the signature that this request must have, from its own list of signed headers."""
        fields = dict(part.strip().split("=", 1) for part in self.headers["authorization"].split(" ", 1)[1].split(","))
        path, _, query = self.path.partition("?")
        pairs = sorted(urllib.parse.parse_qsl(query, keep_blank_values=True))
        lines = [self.command, path, "&".join("=".join(urllib.parse.quote(it, safe="") for it in pair) for pair in pairs)]
        lines += [f"{name}:{self.headers[name].strip()}" for name in fields["SignedHeaders"].split(";")]
        digest = hashlib.sha256(body).hexdigest()
        lines += ["", fields["SignedHeaders"], digest]
        if self.headers.get("x-amz-content-sha256", digest) != digest:
            return "the content is another one"
        day = self.headers["x-amz-date"][:8]
        scope = f"{day}/{REGION}/s3/aws4_request"
        if fields["Credential"] != f"{ACCOUNT}/{scope}":
            return "another account"
        text = "\n".join(["AWS4-HMAC-SHA256", self.headers["x-amz-date"], scope, hashlib.sha256("\n".join(lines).encode()).hexdigest()])
        key = mac(("AWS4" + SECRET).encode(), day)
        for word in (REGION, "s3", "aws4_request"):
            key = mac(key, word)
        return mac(key, text).hex(), fields["Signature"]

    def serve(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        match = self.expected(body)
        if match[0] != match[1]:
            return self.answer(403, "<Error><Message>The request signature does not match.</Message></Error>")
        path, _, query = self.path.partition("?")
        bucket, _, key = urllib.parse.unquote(path)[1:].partition("/")
        if bucket != "backups":
            return self.answer(404, "<Error><Message>The bucket does not exist.</Message></Error>")
        file = FOLDER / key.replace("/", "%")
        if self.command == "PUT":
            file.write_bytes(body)
        elif self.command == "DELETE":
            file.unlink()
        else:
            prefix = urllib.parse.parse_qs(query)["prefix"][0]
            keys = sorted(it.name.replace("%", "/") for it in FOLDER.iterdir())
            return self.answer(200, "".join(f"<Contents><Key>{it}</Key></Contents>" for it in keys if it.startswith(prefix)))
        return self.answer(200, "")

    do_GET = do_PUT = do_DELETE = serve

    def answer(self, code, text):
        self.send_response(code)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Server)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
