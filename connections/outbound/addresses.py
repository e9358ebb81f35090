"""Where a call may go: URLs read strictly, addresses sorted into public and not. PURE.

There is one parser. What it returns is what is checked, shown, and sent, so that no two readings of an
odd URL can differ.
"""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import quote, urljoin

import idna

from .errors import Code, Refused

Address = IPv4Address | IPv6Address

MAX_URL_LENGTH = 16_384
DEFAULT_PORTS = {"http": 80, "https": 443}

_NOT_IN_URL = re.compile(r"[\x00-\x20\x7f\\]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_AUTHORITY_END = re.compile(r"[/?#]")
_BRACKETED = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::(.*))?", re.DOTALL)
_NAMED = re.compile(r"([^:\[\]]+)(?::(.*))?", re.DOTALL)
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")

# Names that mean something only inside a network (RFC 6761, 6762, 8375, ICANN's .internal, and custom).
_INTERNAL_SUFFIXES = (
    "alt", "consul", "corp", "home", "home.arpa", "internal", "intranet", "lan", "local", "localdomain",
    "localhost", "onion", "private", "svc",
)  # fmt: skip

# https://fetch.spec.whatwg.org/#bad-port, then databases, queues and remote desktops.
BAD_PORTS = frozenset({
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104,
    109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515,
    526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049,
    3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
    445, 1433, 1521, 2375, 2379, 2380, 3306, 3389, 5432, 5672, 5900, 6379, 9042, 9092, 9200, 9300, 11211,
    27017, 27018, 27019,
})  # fmt: skip

# Lists of our own: what `ipaddress` calls global differs between Python versions, and includes NAT64.
_NOT_PUBLIC_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network (RFC 791)
        "10.0.0.0/8",  # private (RFC 1918)
        "100.64.0.0/10",  # shared by carriers (RFC 6598); Alibaba's metadata
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's wire server: routable, and answers every virtual machine
        "169.254.0.0/16",  # link-local; cloud metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments (RFC 6890); Oracle's metadata
        "192.0.2.0/24",  # documentation (RFC 5737)
        "192.31.196.0/24",  # AS112 (RFC 7535)
        "192.52.193.0/24",  # AMT (RFC 7450)
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112 (RFC 7534)
        "198.18.0.0/15",  # benchmarks (RFC 2544)
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
# Outside it nothing is public: loopback, ::/96, mapped, NAT64, discard, ULA, link- and site-local, multicast.
_GLOBAL_V6 = IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments (RFC 2928): Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation (RFC 3849)
        "2002::/16",  # 6to4 (RFC 3056): any IPv4 address inside
        "2620:4f:8000::/48",  # AS112 (RFC 7534)
        "3fff::/20",  # documentation (RFC 9637)
    )
)

# One sentence for everything refused: a different one for each reason would make us a port scanner.
_BLOCKED = (
    "This address may not be called: only public internet addresses on ordinary web ports are. "
    "Check the address; for a service inside your own network, ask whoever hosts this product to list it "
    "in OUTBOUND_ALLOW."
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port (RFC 6454). Host in lower case, as A-label; IPv6 without brackets."""

    scheme: str
    host: str
    port: int

    @property
    def address(self) -> Address | None:
        """The address, when the host is one written out."""
        return _written_out(self.host)

    @property
    def authority(self) -> str:
        """Host and port as a URL and the Host header write them, the port only if it is not the scheme's."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


@dataclass(frozen=True, slots=True)
class Target:
    """Where one request goes: the origin, and path with query as they stand on the wire."""

    origin: Origin
    path: str

    @property
    def url(self) -> str:
        return f"{self.origin}{self.path}"


def parse_url(url: str) -> Target:
    """The target a URL names, its fragment dropped; Refused, with a sentence, if it is not plain http(s).

    Stricter than RFC 3986 on purpose: whatever two parsers could read in two ways is refused.
    """
    if len(url) > MAX_URL_LENGTH:
        raise _invalid(f"The address is longer than {MAX_URL_LENGTH} characters. Shorten it.")
    _refuse_characters(url)
    scheme_match = _SCHEME.match(url)
    if not scheme_match or (scheme := scheme_match[1].lower()) not in DEFAULT_PORTS:
        raise _invalid("Only http:// and https:// addresses can be called. Begin the address with https://.")
    if not url.startswith("//", scheme_match.end()):
        raise _invalid(f"The address needs two slashes after the colon: {scheme}://...")
    begin = scheme_match.end() + 2
    end_match = _AUTHORITY_END.search(url, begin)
    end = end_match.start() if end_match else len(url)
    host, port = _split_authority(url[begin:end])
    return Target(Origin(scheme, host, port or DEFAULT_PORTS[scheme]), _path_on_the_wire(url[end:]))


def follow_reference(base: Target, reference: str) -> Target:
    """The target of a Location, relative to where it was found (RFC 3986 §5); Refused like `parse_url`."""
    _refuse_characters(reference)  # before the joining, which drops tabs and line breaks in silence
    return parse_url(urljoin(base.url, reference))


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet, by the registries of IANA and our own caution."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_V4)
    return address in _GLOBAL_V6 and not any(address in network for network in _NOT_PUBLIC_V6)


@dataclass(frozen=True, slots=True)
class Allowance:
    """One port, on a network or under one host name, that may be called although it is not public."""

    port: int
    network: IPv4Network | IPv6Network | None = None
    host: str = ""

    @classmethod
    def parse(cls, entry: str) -> "Allowance":
        """Read `10.1.0.0/16:443`, `127.0.0.1:9400`, `[::1]:9400`, `[fd12::/48]:443` or `localhost:9400`.

        Raises ValueError with a sentence.
        """
        place, colon, port = entry.rpartition(":")
        if not colon or not _is_port(port):
            raise ValueError(f"{entry!r} needs a port from 1 to 65535 at its end, as in host:443.")
        literal = place[1:-1] if place.startswith("[") and place.endswith("]") else place
        if ":" in place and literal is place:
            raise ValueError(f"write the IPv6 address of {entry!r} in brackets, as in [::1]:443.")
        try:
            return cls(int(port), network=ip_network(literal))
        except ValueError as error:
            if literal is not place or "/" in place:
                raise ValueError(f"{entry!r} is not a network: {error}.") from None
        try:
            return cls(int(port), host=_host_name(place))
        except Refused:
            raise ValueError(f"{entry!r} names neither a network nor a host.") from None

    def covers(self, origin: Origin, address: Address) -> bool:
        if origin.port != self.port:
            return False
        return address in self.network if self.network is not None else origin.host == self.host


@dataclass(frozen=True, slots=True)
class Policy:
    """What may be called: the public internet, and what the allowances add."""

    allow: Sequence[Allowance] = ()

    def check(self, origin: Origin) -> None:
        """Refuse what needs no look-up to be refused."""
        if (address := origin.address) is not None:
            self.check_address(origin, address)
        elif not self.lists_name(origin) and not self._may_be_public(origin):
            raise blocked()

    def check_address(self, origin: Origin, address: Address) -> None:
        """Refuse an address that the origin's name stands for, unless it is public or allowed."""
        if any(allowance.covers(origin, address) for allowance in self.allow):
            return
        if origin.port in BAD_PORTS or not is_public(address):
            raise blocked()

    def lists_name(self, origin: Origin) -> bool:
        """Whether the operator vouches for this host name at this port, whatever it resolves to."""
        return any(a.network is None and (a.host, a.port) == (origin.host, origin.port) for a in self.allow)

    def lists(self, origin: Origin) -> bool:
        """Whether the operator vouches for this host or written-out address, at this port."""
        address = origin.address
        return self.lists_name(origin) or (
            address is not None and any(allowance.covers(origin, address) for allowance in self.allow)
        )

    def _may_be_public(self, origin: Origin) -> bool:
        labels = origin.host.split(".")
        if (
            len(labels) == 1
            or labels[-1] in _INTERNAL_SUFFIXES
            or ".".join(labels[-2:]) in _INTERNAL_SUFFIXES
        ):
            return False
        # A bad port that a listed network has is left to the look-up: the address may be one of it.
        return origin.port not in BAD_PORTS or any(a.network and a.port == origin.port for a in self.allow)


def blocked() -> Refused:
    """The one refusal for every target that the policy forbids."""
    return Refused(Code.EGRESS_BLOCKED, _BLOCKED)


def _invalid(sentence: str) -> Refused:
    return Refused(Code.INVALID_URL, sentence)


def _refuse_characters(url: str) -> None:
    if bad := _NOT_IN_URL.search(url):
        raise _invalid(
            f"The address contains {_named(bad[0])}. Remove it, or write it percent-encoded (a space is %20)."
        )


def _named(character: str) -> str:
    return {
        " ": "a space",
        "\t": "a tab",
        "\\": "a backslash",
        "\r": "a line break",
        "\n": "a line break",
    }.get(character, f"the control character U+{ord(character):04X}")


@functools.lru_cache(maxsize=1_024)
def _written_out(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


# A pull asks the same host thousands of times. What is refused is not remembered.
@functools.lru_cache(maxsize=1_024)
def _split_authority(authority: str) -> tuple[str, int | None]:
    if "@" in authority:
        raise _invalid(
            "The address contains a user name or password before the @. "
            "Remove them and enter them under Authorization, where they are kept secret."
        )
    if bracketed := _BRACKETED.fullmatch(authority):
        try:
            host = str(IPv6Address(bracketed[1]))
        except ValueError:
            raise _invalid("The brackets in the address hold no IPv6 address. Check the host.") from None
        return host, _port_number(bracketed[2])
    if not (named := _NAMED.fullmatch(authority)):
        raise _invalid("The address has no host that can be read. Write it as https://host/path.")
    return _host_name(named[1]), _port_number(named[2])


def _port_number(text: str | None) -> int | None:
    if text is None:
        return None
    if not _is_port(text):
        raise _invalid("The port in the address is not a number from 1 to 65535. Correct it or leave it out.")
    return int(text)


def _is_port(text: str) -> bool:
    return _PORT.fullmatch(text) is not None and int(text) <= 65_535


def _host_name(text: str) -> str:
    host = text.lower()
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True, std3_rules=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            raise _invalid("The host in the address contains characters that no host name has.") from None
    host = host.removesuffix(".")
    if not _HOST.fullmatch(host):
        raise _invalid("The host in the address is not a host name. Write it as https://host.example/path.")
    # What ends in a number is an IPv4 address (WHATWG URL §3.5): four plain decimals, or readers differ.
    if _NUMERIC_LABEL.fullmatch(host.rpartition(".")[2]):
        try:
            # Of the text as typed: full-width digits become an address only by the mapping above.
            IPv4Address(text.removesuffix("."))
        except ValueError:
            raise blocked() from None
    return host


def _path_on_the_wire(text: str) -> str:
    path = text.partition("#")[0]
    if not path.startswith("/"):
        path = f"/{path}"
    try:
        # The set of RFC 3986 §3.3 and §3.4, which urllib3 would apply anyhow: here it is seen and checked.
        encoded = quote(_BARE_PERCENT.sub("%25", path), safe="/?!$&'()*+,;=:@%-._~")
    except UnicodeEncodeError:
        raise _invalid("The address contains half a character. Type it anew.") from None
    return _ESCAPE.sub(lambda escape: escape[0].upper(), encoded)
