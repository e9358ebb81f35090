"""What curl's options mean here. Names and arguments as in curl's manual."""

from dataclasses import dataclass
from enum import Enum


class Use(Enum):
    """What becomes of an option."""

    READ = "read"
    # It changes what curl prints or how it connects, and not what the API gets.
    HARMLESS = "harmless"
    # It changes what the API gets or who answers, in a way that has no place here.
    LEFT_OUT = "left out"
    # Without what it names, the request would be another one.
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Flag:
    name: str
    has_value: bool
    use: Use
    # Of one that is left out or refused: a sentence.
    why: str = ""


# Long name, short name or nothing.
_READ_WITH_VALUE = (
    "request X|header H|data d|data-ascii|data-raw|data-binary|data-urlencode|json|form F|form-string|user u|"
    "cookie b|user-agent A|referer e|url|url-query|max-time m|max-redirs|oauth2-bearer|range r"
)
_READ = "get G|head I|location L|location-trusted|insecure k|compressed|basic"
_HARMLESS_WITH_VALUE = (
    "output o|output-dir|write-out w|dump-header D|cookie-jar c|connect-timeout|retry|retry-delay|"
    "retry-max-time|stderr|trace|trace-ascii|limit-rate|speed-limit Y|speed-time y|keepalive-time|tls-max|"
    "ciphers|tls13-ciphers|curves|dns-servers|interface|ip-tos|libcurl|max-filesize|rate|expect100-timeout|"
    "happy-eyeballs-timeout-ms|local-port|doh-url|alt-svc|hsts|variable"
)
_HARMLESS = (
    "silent s|show-error S|verbose v|include i|fail f|fail-with-body|fail-early|progress-bar #|"
    "ipv4 4|ipv6 6|http1.0 0|http1.1|http2|http2-prior-knowledge|http3|http3-only|tlsv1 1|tlsv1.0|tlsv1.1|"
    "tlsv1.2|tlsv1.3|sslv2 2|sslv3 3|ssl|ssl-reqd|ssl-no-revoke|remote-name O|remote-name-all|"
    "remote-header-name J|"
    "remote-time R|no-buffer N|globoff g|path-as-is|post301|post302|post303|parallel Z|retry-all-errors|"
    "retry-connrefused|create-dirs|no-keepalive|tcp-nodelay|tcp-fastopen|disable q|junk-session-cookies j|"
    "styled-output|raw|tr-encoding|false-start|sessionid|alpn|npn|buffer|keepalive|progress-meter|trace-time|"
    "clobber|xattr|no-clobber|manual M|proto-default|http0.9|compressed-ssh|ssl-allow-beast|crlf"
)
_LEFT_OUT = {
    "proxy x": "Calls do not go through a proxy of yours.",
    "socks5": "Calls do not go through a proxy of yours.",
    "socks5-hostname": "Calls do not go through a proxy of yours.",
    "proxy-user U": "Calls do not go through a proxy of yours.",
    "proxy-header": "Calls do not go through a proxy of yours.",
    "noproxy": "Calls do not go through a proxy of yours.",
    "cacert": "Certificates are checked against the authorities that everybody trusts.",
    "capath": "Certificates are checked against the authorities that everybody trusts.",
    "pinnedpubkey": "Certificates are checked against the authorities that everybody trusts.",
    "cert E": "A client certificate cannot be sent. If the API insists on it, the call will fail.",
    "cert-type": "A client certificate cannot be sent. If the API insists on it, the call will fail.",
    "key": "A client certificate cannot be sent. If the API insists on it, the call will fail.",
    "key-type": "A client certificate cannot be sent. If the API insists on it, the call will fail.",
    "pass": "A client certificate cannot be sent. If the API insists on it, the call will fail.",
    "resolve": "The host is looked up in the usual way.",
    "connect-to": "The host is looked up in the usual way.",
    "aws-sigv4": "Requests are not signed for AWS. The call will be refused without a signature.",
    "time-cond z": "Write the condition as a header, for example If-Modified-Since.",
    "etag-compare": "Write the condition as a header: If-None-Match.",
    "etag-save": "Tags of answers are not kept.",
    "request-target": "The path is the one of the URL.",
    "netrc-file": "Write user name and password under Authorization → Basic.",
    "delegation": "That kind of authorization cannot be used.",
    "continue-at C": "Write the part as a header: Range.",
    "proto": "Only http and https are called.",
    "proto-redir": "Only http and https are called.",
}
_LEFT_OUT_ALONE = {
    "digest": "Digest authorization cannot be used: choose another one if the API offers it.",
    "ntlm": "NTLM authorization cannot be used: choose another one if the API offers it.",
    "negotiate": "Negotiate authorization cannot be used: choose another one if the API offers it.",
    "anyauth": "User name and password are sent at once, as Basic authorization.",
    "netrc n": "Write user name and password under Authorization → Basic.",
    "netrc-optional": "Write user name and password under Authorization → Basic.",
    "proxytunnel p": "Calls do not go through a proxy of yours.",
    "append a": "It is for FTP.",
    "use-ascii B": "It is for FTP.",
    "list-only l": "It is for FTP.",
}
_REFUSED = {
    "upload-file T": "-T sends a file, which cannot be read from here. Paste the file's text as the body.",
    "config K": "-K reads options from a file, which cannot be read from here. Write them into the command.",
    "unix-socket": "--unix-socket calls a program on your own machine, which cannot be reached from here.",
    "abstract-unix-socket": "--abstract-unix-socket calls a program on your own machine, which cannot be "
    "reached from here.",
}


def _table() -> tuple[dict[str, Flag], dict[str, Flag]]:
    """The options by their long names, and by their short ones."""
    rows: list[tuple[str, bool, Use, str]] = []
    for listed, has_value, use in (
        (_READ_WITH_VALUE, True, Use.READ),
        (_READ, False, Use.READ),
        (_HARMLESS_WITH_VALUE, True, Use.HARMLESS),
        (_HARMLESS, False, Use.HARMLESS),
    ):
        rows += [(names, has_value, use, "") for names in listed.split("|")]
    for reasons, has_value, use in (
        (_LEFT_OUT, True, Use.LEFT_OUT),
        (_LEFT_OUT_ALONE, False, Use.LEFT_OUT),
        (_REFUSED, True, Use.REFUSED),
    ):
        rows += [(names, has_value, use, why) for names, why in reasons.items()]
    by_name: dict[str, Flag] = {}
    by_letter: dict[str, Flag] = {}
    for names, has_value, use, why in rows:
        name, _, letter = names.partition(" ")
        by_name[name] = Flag(name, has_value, use, why)
        if letter:
            by_letter[letter] = by_name[name]
    several = Flag("next", False, Use.REFUSED, "--next begins another request. Paste one at a time.")
    by_name["next"] = by_letter[":"] = several
    return by_name, by_letter


BY_NAME, BY_LETTER = _table()
