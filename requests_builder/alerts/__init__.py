"""Alerts: people hear once when a schedule is in trouble, and once when it is over.

rules      when they are told
judging    how a request is doing, from how its last runs ended
watching   the tick: runs against incidents
lateness   due times that have not begun
pausing    a schedule that fails in vain is paused
notices    what notices say about connections, for channels that are no mail
incidents  what is wrong with a schedule begins, is told, and ends
facts      what an alert says
telling    an alert and its deliveries, written down
channels   where alerts go: made, changed, tried
messages   facts as a mail, a message of Slack, a signed webhook
signing    the signature of a webhook
sending    one message out
posting    the deliveries that wait, out

Nothing here is fired by an event. A tick compares, so whatever was killed or lost is made up for by the next.
"""

from requests_builder.alerts import channels, rules
from requests_builder.alerts.channels import ChannelRefused
from requests_builder.alerts.posting import post
from requests_builder.alerts.rules import Rules
from requests_builder.alerts.telling import mail_channel
from requests_builder.alerts.watching import watch

__all__ = ["ChannelRefused", "Rules", "channels", "mail_channel", "post", "rules", "watch"]
