# SPDX-License-Identifier: Apache-2.0
"""A registry for images on 127.0.0.1, plain HTTP and read-only: as much of the OCI distribution specification as a pull asks for."""

import contextlib
import gzip
import hashlib
import http.server
import io
import json
import tarfile
import threading

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def tar_of(files):
    """A layer's tar of these files, {path: text}."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path, text in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


class Registry:
    """Its content: manifests by "NAME:TAG" and blobs by digest, which a test may spoil."""

    def __init__(self):
        self.manifests, self.blobs = {}, {}

    def add(self, name, layers, **config):
        """The image NAME:TAG of some layers (tars), with this in its configuration."""
        described = [self._blob("application/vnd.oci.image.layer.v1.tar+gzip", gzip.compress(layer)) for layer in layers]
        configuration = json.dumps({
            "architecture": "amd64", "os": "linux", "config": config,
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers]}}).encode()
        self.manifests[name] = json.dumps({
            "schemaVersion": 2, "mediaType": MANIFEST, "layers": described,
            "config": self._blob("application/vnd.oci.image.config.v1+json", configuration)}).encode()
        return [layer["digest"] for layer in described]

    def _blob(self, kind, content):
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        self.blobs[digest] = content
        return {"mediaType": kind, "digest": digest, "size": len(content)}

    def answer(self, path):
        """(content type, bytes) of a path, or None."""
        if path == "/v2/":
            return "application/json", b"{}"
        for reference, manifest in self.manifests.items():
            name, _, tag = reference.partition(":")
            if path == f"/v2/{name}/manifests/{tag}":
                return MANIFEST, manifest
            for digest, blob in self.blobs.items():
                if path == f"/v2/{name}/blobs/{digest}":
                    return "application/octet-stream", blob
        return None

    @contextlib.contextmanager
    def served(self):
        """Serves it; the value is "127.0.0.1:PORT"."""
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                kind, content = registry.answer(self.path) or (None, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')
                self.send_response(200 if kind else 404)
                self.send_header("Content-Type", kind or "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_HEAD = do_GET

            def log_message(self, *arguments):
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield f"127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()
