"""Where the page is served: the words of `--live`, the socket, and the token that guards it."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import socket

from edge.errors import EnvironmentFault, UsageError

HOST, PORT = "127.0.0.1", 8080
TOKEN_VARIABLE = "EDGEPROOF_TOKEN"
MIN_TOKEN = 16
"""Letters; a shorter one could be guessed."""
TOKEN_BYTES = 18
"""Of chance in a token that is made: 24 letters."""
BACKLOG = 64
"""Connections that wait to be taken; while the page's process is started again, they do."""
SEND_BYTES = 128 * 1024
"""That the kernel holds for one reader: a slow one is then some frames behind, not seconds."""
ELSEWHERE = {4: ("192.0.2.1", 9), 6: ("2001:db8::1", 9)}
"""Addresses kept for documentation (RFC 5737, RFC 3849): to ask which of ours leads outside."""


def parse_live(text: str) -> tuple[str, int]:
    """Host and port of `--live`: HOST:PORT, :PORT, PORT or [IPV6]:PORT; empty: 127.0.0.1:8080.

    Raises:
        UsageError: anything else, such as a source that was taken for the address.
    """
    host, port = _split(text.strip())
    if host is None or not 0 <= port <= 65535:
        raise UsageError(
            f"--live: expected HOST:PORT, :PORT or PORT, as in 127.0.0.1:{PORT}, got {text!r}; "
            "a SOURCE goes before --live"
        )
    return host, port


def _split(text: str) -> tuple[str | None, int]:
    if not text:
        return HOST, PORT
    if re.fullmatch(r"[0-9]{1,5}", text):
        return HOST, int(text)
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_.-]*)):([0-9]{1,5})", text)
    if not found:
        return None, 0
    return found[1] or found[2] or HOST, int(found[3])


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections already, so that none is refused while the server starts.

    port: 0 takes any that is free.

    Raises:
        EnvironmentFault: the address is taken, not ours, or not allowed.
    """
    try:
        family, kind, protocol, _, at = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise EnvironmentFault(_refused(host, port, error)) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
        listener.bind(at)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise EnvironmentFault(_refused(host, port, error)) from None
    return listener


def _refused(host: str, port: int, error: OSError) -> str:
    return (
        f"--live: expected an address of this machine that is free, got {joined(host, port)}: "
        f"{error.strerror or error}; another one: --live HOST:PORT"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine itself can reach an address. host: as numbers."""
    return ipaddress.ip_address(host.partition("%")[0]).is_loopback


def find_token() -> tuple[str, bool]:
    """The token that guards the page, and whether it was made here.

    Raises:
        UsageError: the one that was given is too short.
    """
    given = os.environ.get(TOKEN_VARIABLE, "")
    if not given:
        return secrets.token_urlsafe(TOKEN_BYTES), True
    if len(given) < MIN_TOKEN or not re.fullmatch(r"[A-Za-z0-9._~+/=-]+", given):
        raise UsageError(
            f"${TOKEN_VARIABLE}: expected at least {MIN_TOKEN} letters and digits without spaces, "
            f"got {len(given)}; one is made with: python3 -c 'import secrets; "
            "print(secrets.token_urlsafe())'"
        )
    return given, False


def reachable(host: str) -> str:
    """A host to type into a browser: of an address that means all of ours, one that leads outside.

    host: as numbers.
    """
    address = ipaddress.ip_address(host.partition("%")[0])
    if not address.is_unspecified:
        return host
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(ELSEWHERE[address.version])  # of a datagram socket: nothing is sent
            return str(probe.getsockname()[0])
    except OSError:
        return socket.gethostname()


def joined(host: str, port: int) -> str:
    """`host:port`, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
