"""Pictures from standard input, one or several one after the other, each as soon as it is whole.

`ffmpeg -i film.mp4 -f image2pipe -c:v mjpeg - | edgeproof classify -`

The first is named `-`, and those behind it by their position: `-#1`, `-#2`. What is no picture
counts too.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from edge.errors import FrameError
from edge.sources import STDIN, picture
from edge.sources.extent import Broken, Incomplete, Stream, find_end
from edge.sources.picture import FORMATS, Picture, decode_picture

SIGNATURE = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n")
"""Where reading goes on behind garbage; the other formats begin with too little to be sure."""
PADDING = b"\0\r\n"
"""Between pictures this is nothing: cameras fill their blocks up, programs end lines."""


def read_stdin(side: int | None = None) -> Iterator[tuple[str, Picture | FrameError]]:
    """The pictures of standard input, by name, each decoded as `decode_picture` does."""
    count = 0
    for found in _split(Stream(sys.stdin.buffer, picture.MAX_BYTES)) if sys.stdin else ():
        name = STDIN if count == 0 else f"{STDIN}#{count}"
        count += 1
        try:
            if isinstance(found, FrameError):
                raise FrameError(found.kind, f"{name}: {found}")
            yield name, decode_picture(found, name, side)
        except FrameError as error:
            yield name, error
    if count == 0:
        yield STDIN, FrameError("empty-file", f"{STDIN}: expected a picture on stdin, got nothing")


def _split(stream: Stream) -> Iterator[bytes | FrameError]:
    """Each picture's bytes; an error, without the picture's name, for what is none."""
    while True:
        while (first := stream.peek(0, 1)) and first in PADDING:
            stream.cut(1)
        if not first:
            return
        try:
            yield stream.cut(find_end(stream))
        except Incomplete:  # the decoder knows best what is missing
            yield stream.cut(len(stream))
        except Broken as broken:
            place = f"at byte {stream.offset + broken.at} of stdin"
            stream.cut(broken.at)
            _skip_to_signature(stream)
            if broken.kind == "not-a-picture":
                expected = f"expected one of {', '.join(FORMATS)}"
                yield FrameError(broken.kind, f"{expected} {place}, got something else")
            else:
                yield FrameError(broken.kind, f"{broken} {place}")


def _skip_to_signature(stream: Stream) -> None:
    """Lets go of all before the next JPEG or PNG; before the end, when there is none."""
    while not (found := SIGNATURE.search(stream.held)):
        stream.cut(max(0, len(stream) - 7))  # a signature may have come in part
        if not stream.fill():
            stream.cut(len(stream))
            return
    stream.cut(found.start())
