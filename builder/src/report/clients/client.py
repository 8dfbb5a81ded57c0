#!/usr/bin/env python3
"""Writes a key and reads it every two seconds, through whichever member answers. Needs Python 3.6 and nothing else.

In a shell, from the directory above `client`:  python3 client/client.py
It uses etcd's JSON gateway. With authentication on, the gateway refuses certificates with a common name.
"""

import base64
import json
import ssl
import sys
import time
import urllib.error
import urllib.request

ENDPOINTS = [@QUOTED_ENDPOINTS@]

tls = ssl.create_default_context(cafile="client/ca.crt")
tls.load_cert_chain("client/admin.crt", "client/admin.key")


def call(path, request):
    """Calls the first member that answers."""
    reason = None
    for url in ENDPOINTS:
        message = urllib.request.Request(url + path, json.dumps(request).encode())
        try:
            with urllib.request.urlopen(message, context=tls, timeout=5) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            reason = f"{url}: {error.read().decode()}"
            # 503: this member has lost its leader. Another one may have the next leader already.
            if error.code != 503:
                sys.exit(reason)
        except OSError as error:
            reason = f"{url}: {error}"
    sys.exit(f"no member answers: {reason}")


def encoded(text):
    return base64.b64encode(text.encode()).decode()


call("/v3/kv/put", {"key": encoded("foo"), "value": encoded("bar")})
rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 1 << 60
for _ in range(rounds):
    for pair in call("/v3/kv/range", {"key": encoded("foo")}).get("kvs", []):
        key, value = (base64.b64decode(pair[name]).decode() for name in ("key", "value"))
        print(f"{key}={value}", flush=True)
    time.sleep(2)
