"""What stands in for Kibana: its two calls for saved objects, with the checks that it makes.

It knows of an object what the format asks of it: a stamp that is not newer than itself, no
attribute that the type has not got, and no reference to what is neither there nor in the file.
"""

from __future__ import annotations

import email
import json
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

USER, PASSWORD, KEY = "somebody", "pässword", "a2V5"

VERSIONS = {"index-pattern": "8.0.0", "search": "8.0.0", "lens": "8.9.0", "dashboard": "8.9.0"}
"""The newest format of each type that Kibana 8.9 knows."""

ATTRIBUTES = {
    "index-pattern": {
        "allowHidden", "allowNoIndex", "fieldAttrs", "fieldFormatMap", "fields", "name",
        "runtimeFieldMap", "sourceFilters", "timeFieldName", "title", "type", "typeMeta",
    },
    "search": {
        "breakdownField", "columns", "description", "grid", "hideAggregatedPreview", "hideChart",
        "hits", "isTextBasedQuery", "kibanaSavedObjectMeta", "refreshInterval", "rowHeight",
        "rowsPerPage", "sort", "timeRange", "timeRestore", "title", "usesAdHocDataView", "version",
        "viewMode",
    },
    "lens": {"description", "state", "title", "visualizationType"},
    "dashboard": {
        "controlGroupInput", "description", "hits", "kibanaSavedObjectMeta", "optionsJSON",
        "panelsJSON", "refreshInterval", "timeFrom", "timeRestore", "timeTo", "title", "version",
    },
}  # fmt: skip
"""What the schemas of its types allow; nothing else is taken."""

KEYS = {
    "attributes", "coreMigrationVersion", "created_at", "id", "managed", "references", "type",
    "typeMigrationVersion", "updated_at", "version",
}  # fmt: skip


class Kibana:
    """Answers at `url` until `close`.

    Attributes:
        objects: what it has, by type and id.
        starting: so many requests are answered as by one that is starting.
        requests: path and headers of each request.
        refused: ids that it does not take.
    """

    def __init__(self, certificate: Path | None = None) -> None:
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.starting = 0
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.refused: set[str] = set()
        kibana = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                status, answer = kibana._answer(self.path, dict(self.headers), body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *words: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            scheme = "https"
        self.port = self._server.server_port
        self.url = f"{scheme}://{USER}:p%C3%A4ssword@127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        self.requests.append((path, headers))
        if self.starting:
            self.starting -= 1
            return 503, b"Kibana server is not ready yet"
        names = {name.lower(): value for name, value in headers.items()}
        if "kbn-xsrf" not in names:
            return _failed(400, "Request must contain a kbn-xsrf header.")
        token = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if names.get("authorization") not in (f"Basic {token}", f"ApiKey {KEY}"):
            return _failed(401, "unable to authenticate user")
        if path == "/api/saved_objects/_export":
            return self._export(json.loads(body))
        if path == "/api/saved_objects/_import?overwrite=true":
            return self._import(_file(names["content-type"], body))
        return _failed(404, "Not Found")

    def _export(self, asked: dict[str, Any]) -> tuple[int, bytes]:
        wanted = [(one["type"], one["id"]) for one in asked["objects"]]
        if missing := [key for key in wanted if key not in self.objects]:
            objects = [
                {"type": kind, "id": name, "error": {"statusCode": 404, "error": "Not Found"}}
                for kind, name in missing
            ]
            return _failed(400, "Error fetching objects to export", objects=objects)
        # No line end behind the last one, as Kibana has it.
        return 200, "\n".join(json.dumps(self.objects[key]) for key in wanted).encode()

    def _import(self, file: bytes) -> tuple[int, bytes]:
        objects = [json.loads(line) for line in file.splitlines()]
        known = self.objects.keys() | {(one["type"], one["id"]) for one in objects}
        errors = []
        for one in objects:
            if problem := self._problem(one, known):
                error = {"type": one["type"], "id": one["id"], "error": {"type": problem}}
                errors.append(error)
            else:
                self.objects[one["type"], one["id"]] = one
        answer = {"success": not errors, "successCount": len(objects) - len(errors)}
        return 200, json.dumps(answer | ({"errors": errors} if errors else {})).encode()

    def _problem(self, one: dict[str, Any], known: set[tuple[str, str]]) -> str | None:
        if one["id"] in self.refused or one.keys() - KEYS:
            return "unknown"
        if one["typeMigrationVersion"] > VERSIONS[one["type"]]:
            return "unsupported_version"
        if one["attributes"].keys() - ATTRIBUTES[one["type"]]:
            return "unknown"
        if any((to["type"], to["id"]) not in known for to in one["references"]):
            return "missing_references"
        return None


def _failed(status: int, message: str, **attributes: Any) -> tuple[int, bytes]:
    answer: dict[str, Any] = {"statusCode": status, "message": message}
    return status, json.dumps(answer | ({"attributes": attributes} if attributes else {})).encode()


def _file(content_type: str, body: bytes) -> bytes:
    """The one file of a form."""
    form = email.message_from_bytes(b"Content-Type: " + content_type.encode() + b"\n\n" + body)
    (part,) = (part for part in form.walk() if not part.is_multipart())
    assert part.get_param("name", header="content-disposition") == "file"
    assert str(part.get_filename()).endswith(".ndjson")
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload


@contextmanager
def kibana(certificate: Path | None = None) -> Iterator[Kibana]:
    """One for a test."""
    server = Kibana(certificate)
    try:
        yield server
    finally:
        server.close()
