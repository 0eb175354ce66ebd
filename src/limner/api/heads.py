"""HTTP/1.1 as uvicorn reads it, with bounded heads: it keeps a head until it is over, before anyone is asked for a key.

Bodies are bounded in `body`.
"""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 65_536


class BoundedHttp(HttpToolsProtocol):
    """A longer head (or what stands between the parts of a chunked body) is a 400 and the end of its connection."""

    _pending = 0
    """Bytes that the parser has taken since it last passed something on."""

    def data_received(self, data: bytes) -> None:
        """Count, and read on."""
        self._pending += len(data)
        super().data_received(data)
        if self._pending > MAX_HEAD_BYTES:
            self.send_400_response(f"The head of a request may have {MAX_HEAD_BYTES} bytes.")

    def on_headers_complete(self) -> None:
        """A head is over."""
        self._pending = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of a body."""
        self._pending = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A body is over."""
        self._pending = 0
        super().on_message_complete()
