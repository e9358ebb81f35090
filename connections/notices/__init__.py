"""Telling people about connections: a banner on the team's pages, and mails to those who can act.

    watching   the states of connections against what has been said: notices, and who is to be written to
    people     who can act
    letters    what a mail says
    posting    the mails that wait, out to the mail server
    mailing    one mail
    banners    what the pages of a team say

Nothing here is fired by an event. A tick compares, so whatever was killed or lost is made up for by the next.
"""

from .banners import Banner, banners, dismiss
from .posting import post
from .watching import watch

__all__ = ["Banner", "banners", "dismiss", "post", "watch"]
