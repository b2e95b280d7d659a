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
ENDLESS_BYTES = 1 << 28
"""Without a picture, after which it is taken for no stream of pictures: `yes`, /dev/zero."""
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
        try:
            if not _skip_padding(stream):
                return
        except Broken as broken:
            yield FrameError(broken.kind, f"{broken}; reading ends")
            return
        try:
            yield stream.cut(find_end(stream))
        except Incomplete:  # the decoder knows best what is missing
            yield stream.cut(len(stream))
        except Broken as broken:
            place = f"at byte {stream.offset + broken.at} of stdin"
            stream.cut(broken.at)
            is_endless = not _skip_to_signature(stream)
            if broken.kind == "not-a-picture":
                expected = f"expected one of {', '.join(FORMATS)}"
                yield FrameError(broken.kind, f"{expected} {place}, got something else")
            else:
                yield FrameError(broken.kind, f"{broken} {place}")
            if is_endless:
                return


def _skip_padding(stream: Stream) -> bool:
    """Whether anything follows.

    Raises:
        Broken: so much of it that it never ends, such as of /dev/zero.
    """
    until = stream.offset + ENDLESS_BYTES
    while stream.held or stream.fill():
        stream.cut(len(stream.held) - len(stream.held.lstrip(PADDING)))
        if stream.held:
            return True
        if stream.offset >= until:
            expected = "expected a picture on stdin"
            raise Broken("not-a-picture", f"{expected}, got {ENDLESS_BYTES} bytes of nothing", 0)
    return False


def _skip_to_signature(stream: Stream) -> bool:
    """Lets go of all before the next JPEG or PNG; before the end, when there is none.

    Returns:
        False when there was none for so long that it never ends.
    """
    until = stream.offset + ENDLESS_BYTES
    while not (found := SIGNATURE.search(stream.held)):
        stream.cut(max(0, len(stream) - 7))  # a signature may have come in part
        if not stream.fill():
            stream.cut(len(stream))
            return True
        if stream.offset >= until:
            return False
    stream.cut(found.start())
    return True
