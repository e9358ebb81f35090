"""A new feed of a table."""

from django import forms

from accounts.forms import NameField


class FeedForm(forms.Form):
    name = NameField(
        label="Name",
        help_text="Who or what reads it, such as “Budget sheet”. One feed for each can be revoked by itself.",
    )
