"""A coloured square with initials, where others show a trademark."""

from zlib import crc32

from django import template

register = template.Library()

TINTS = 8


@register.filter
def initials(title: str) -> str:
    """`GA` of Google Ads, `Sl` of Slack."""
    words = [word for word in "".join(c if c.isalnum() else " " for c in title).split() if word]
    if len(words) > 1:
        return words[0][0].upper() + words[1][0].upper()
    return words[0][:2].capitalize() if words else "?"


@register.filter
def tint(name: object) -> str:
    """The class of one of a few colours, always the same for the same name."""
    return f"tile-{crc32(str(name).encode()) % TINTS}"
