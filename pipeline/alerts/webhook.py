"""One webhook: an alert is signed and posted, to no address that it must not go to.

`Newsloom-Signature: t=1752750000,v1=…` has the time of sending, in seconds since 1970, and the
HMAC-SHA256 of that time, a full stop and the body, in hexadecimal digits, as Stripe has it. So who
knows the secret can tell that the body is ours, and how old it is. `Newsloom-Delivery` is the
alert's id, the same whenever it is sent.

The address is looked up, checked and connected to in this one step, so that a name can't lead
elsewhere between the check and the connection. Only addresses of the public internet are called,
and those of the networks that the settings name. Redirects are not followed: they would lead past
the check.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import logging
import socket
import time
from collections.abc import Sequence
from typing import NamedTuple

import httpx

from pipeline import __version__
from pipeline.alerts.records import Webhook, shown_url
from pipeline.errors import ConfigurationError

SIGNATURE = "Newsloom-Signature"
DELIVERY = "Newsloom-Delivery"

ANSWER_SECONDS = 10.0
"""How long a receiver may take for all of it: connecting, the request, the answer's status."""

_AGAIN = {408, 425, 429}
"""Statuses below 500 that say that it may work later."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

for _chatty in ("httpx", "httpcore"):
    # They log addresses and headers, and in these are secrets.
    logging.getLogger(_chatty).setLevel(logging.WARNING)


class Answer(NamedTuple):
    """What became of one try.

    Attributes:
        refused: None: it was taken. True: it will never be; False: it may be later.
        why: for people, when it was not taken.
    """

    refused: bool | None
    why: str = ""


def networks_of(text: str) -> list[Network]:
    """The networks in `10.0.0.0/8, fd00::/8`.

    Raises:
        ConfigurationError: it is no such list.
    """
    try:
        return [ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise ConfigurationError(f"NEWSLOOM_WEBHOOK_NETWORKS: {error}") from None


def sign(secret: str, moment: int, body: bytes) -> str:
    """The signature of a body that is sent at this moment, in seconds since 1970."""
    signed = hmac.new(secret.encode(), b"%d.%b" % (moment, body), hashlib.sha256)
    return f"t={moment},v1={signed.hexdigest()}"


def may_be_called(address: str, networks: Sequence[Network]) -> bool:
    """Whether an IP address is one of the public internet, or of one of these networks."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        # What is meant is the IPv4 address that such a one stands for.
        nat64 = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF) if ip in _NAT64 else None
        ip = ip.ipv4_mapped or ip.sixtofour or nat64 or ip
    if any(ip in network for network in networks):
        return True
    return ip.is_global and not ip.is_multicast


def unreachable(webhook: Webhook | None, networks: Sequence[Network]) -> str | None:
    """Why a webhook would not be called, as far as can be told now; None: it would be.

    Asks for the address of its name, which can take a while.
    """
    if webhook is None:
        return None
    host = httpx.URL(webhook.url).host
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        return f"{host}: {error.strerror}"
    addresses = list(dict.fromkeys(str(place[0]) for *_, place in found))
    allowed = any(may_be_called(address, networks) for address in addresses)
    return None if allowed else _forbidden(addresses)


def _forbidden(addresses: Sequence[str]) -> str:
    return (
        f"{', '.join(addresses)} is not on the public internet and will not be called;"
        " NEWSLOOM_WEBHOOK_NETWORKS can name networks that may be"
    )


async def post(
    client: httpx.AsyncClient,
    webhook: Webhook,
    delivery: str,
    body: bytes,
    networks: Sequence[Network],
) -> Answer:
    """Tries once to hand an alert to its receiver.

    Args:
        client: made by `new_client`.
        webhook: the receiver.
        delivery: the alert's id.
        body: the alert as JSON.
        networks: addresses that may be called besides public ones.
    """
    shown = shown_url(webhook.url)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            status = await _post(client, webhook, delivery, body, networks)
    except _Forbidden as error:
        return Answer(refused=True, why=f"{shown}: {error}")
    except TimeoutError:
        return Answer(refused=False, why=f"{shown}: no answer within {ANSWER_SECONDS:g} s")
    except (httpx.HTTPError, OSError) as error:
        return Answer(refused=False, why=f"{shown}: {str(error) or type(error).__name__}")
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        return Answer(refused=True, why=f"{shown}: no URL that can be called: {error}")
    if 200 <= status < 300:
        return Answer(refused=None)
    if 300 <= status < 400:
        return Answer(refused=True, why=f"{shown}: status {status}; redirects are not followed")
    return Answer(refused=status < 500 and status not in _AGAIN, why=f"{shown}: status {status}")


def new_client() -> httpx.AsyncClient:
    """A client that follows no redirects, takes no proxy and keeps no connection."""
    # Two names at one address would share a connection, and the second name's certificate would
    # not be looked at.
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.AsyncClient(
        timeout=ANSWER_SECONDS, follow_redirects=False, trust_env=False, limits=limits
    )


class _Forbidden(Exception):
    """The name leads to no address that may be called."""


async def _post(
    client: httpx.AsyncClient,
    webhook: Webhook,
    delivery: str,
    body: bytes,
    networks: Sequence[Network],
) -> int:
    url = httpx.URL(webhook.url)
    port = url.port or {"http": 80, "https": 443}[url.scheme]
    found = await asyncio.get_running_loop().getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(place[0]) for *_, place in found))
    allowed = [address for address in addresses if may_be_called(address, networks)]
    if not allowed:
        raise _Forbidden(_forbidden(addresses))
    moment = int(time.time())
    headers = {
        "Host": url.netloc.decode(),
        "Content-Type": "application/json",
        "User-Agent": f"newsloom/{__version__}",
        SIGNATURE: sign(webhook.secret, moment, body),
        DELIVERY: delivery,
    }
    for address in allowed:
        request = client.build_request(
            "POST",
            url.copy_with(host=address, port=port),
            content=body,
            headers=headers,
            # Certificates are of names, not of the address that is connected to.
            extensions={"sni_hostname": url.host},
        )
        try:
            response = await client.send(request, stream=True)
        except httpx.ConnectError:
            if address == allowed[-1]:
                raise
            continue
        # Nothing of what it says is read.
        await response.aclose()
        return response.status_code
    raise AssertionError("there is a last address")
