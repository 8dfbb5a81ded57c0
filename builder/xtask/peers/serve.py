"""Serves one file over HTTP at an even pace, and prints its port. Usage: serve.py FILE BYTES_PER_SECOND"""
import http.server, os, sys, time

path, pace = sys.argv[1], float(sys.argv[2])

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(os.path.getsize(path)))
        self.end_headers()
        start, sent = time.monotonic(), 0
        with open(path, "rb") as file:
            while piece := file.read(1 << 18):
                self.wfile.write(piece)
                sent += len(piece)
                time.sleep(max(0, start + sent / pace - time.monotonic()))

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
