"""The life of tokens: use, rotation, reuse, revocation, keeping."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from demo_api.grants import DEAD_TOKENS_KEPT, Grants, Tokens
from demo_api.policy import AccessDenied, OAuthError, Policy

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def create_grants(**policy: object) -> Grants:
    return Grants(Policy(**policy))  # type: ignore[arg-type]


def issue(grants: Grants, scope: str = "contacts.read orders.read") -> Tokens:
    return grants.issue(grants.begin("app", tuple(scope.split())), NOON)


def refresh(grants: Grants, tokens: Tokens, now: datetime = NOON, scope: str = "") -> Tokens:
    assert tokens.refresh_token
    return grants.refresh(tokens.refresh_token, "app", tuple(scope.split()), now)


def is_open(grants: Grants, tokens: Tokens, scope: str = "", now: datetime = NOON) -> bool:
    try:
        grants.check_access(f"Bearer {tokens.access_token}", scope, now)
    except AccessDenied:
        return False
    return True


def test_an_access_token_lasts_five_minutes():
    grants = create_grants()
    tokens = issue(grants)

    assert tokens.expires_in == 300
    assert is_open(grants, tokens, now=NOON + timedelta(seconds=299))
    assert not is_open(grants, tokens, now=NOON + timedelta(seconds=300))


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Basic ZGVtbzpkZW1v"])
def test_without_a_token_the_challenge_names_no_error(authorization):
    with pytest.raises(AccessDenied) as refusal:
        create_grants().check_access(authorization, "", NOON)

    assert (refusal.value.status, refusal.value.challenge) == (401, 'Bearer realm="demo"')


def test_a_foreign_token_is_an_invalid_token():
    with pytest.raises(AccessDenied) as refusal:
        create_grants().check_access("Bearer of-bad-news", "", NOON)

    assert refusal.value.status == 401
    assert 'error="invalid_token"' in refusal.value.challenge


def test_a_token_without_the_scope_is_forbidden_to_use():
    grants = create_grants()
    tokens = issue(grants, "contacts.read")

    with pytest.raises(AccessDenied) as refusal:
        grants.check_access(f"bearer {tokens.access_token}", "orders.read", NOON)

    assert refusal.value.status == 403
    assert 'error="insufficient_scope"' in refusal.value.challenge
    assert 'scope="orders.read"' in refusal.value.challenge


def test_each_refresh_brings_a_new_refresh_token_and_leaves_the_access_token_alone():
    grants = create_grants()
    first = issue(grants)

    second = refresh(grants, first)

    assert second.refresh_token not in (None, first.refresh_token)
    assert is_open(grants, first)
    assert is_open(grants, second)
    assert grants.counts["refreshes"] == 1


def test_a_refresh_token_used_twice_ends_the_whole_family():
    grants = create_grants()
    first = issue(grants)
    second = refresh(grants, first)

    with pytest.raises(OAuthError, match="invalid_grant"):
        refresh(grants, first)

    assert grants.counts["reuses"] == 1
    assert not is_open(grants, second)
    with pytest.raises(OAuthError, match="invalid_grant"):
        refresh(grants, second)


@pytest.mark.parametrize(("seconds", "works"), [(29, True), (30, False)])
def test_within_the_grace_a_lost_answer_can_be_asked_for_again(seconds, works):
    grants = create_grants(rotation_grace=30)
    first = issue(grants)
    refresh(grants, first)
    later = NOON + timedelta(seconds=seconds)

    if works:
        assert refresh(grants, first, later).refresh_token
    else:
        with pytest.raises(OAuthError, match="invalid_grant"):
            refresh(grants, first, later)


def test_the_grace_counts_from_the_first_use():
    grants = create_grants(rotation_grace=30)
    first = issue(grants)
    for seconds in (0, 20):
        refresh(grants, first, NOON + timedelta(seconds=seconds))

    with pytest.raises(OAuthError, match="invalid_grant"):
        refresh(grants, first, NOON + timedelta(seconds=31))


def test_without_rotation_the_refresh_token_stays_and_is_not_repeated():
    grants = create_grants(rotation=False)
    first = issue(grants)

    assert refresh(grants, first).refresh_token is None
    assert refresh(grants, first).refresh_token is None


def test_a_refresh_may_narrow_the_scope_and_the_next_one_has_it_all_again():
    grants = create_grants()
    narrow = refresh(grants, issue(grants), scope="contacts.read")

    assert narrow.scope == "contacts.read"
    assert not is_open(grants, narrow, "orders.read")
    assert is_open(grants, refresh(grants, narrow), "orders.read")


def test_a_refresh_may_not_widen_the_scope_and_does_not_use_up_the_token():
    grants = create_grants()
    tokens = issue(grants, "contacts.read")

    with pytest.raises(OAuthError, match="invalid_scope"):
        refresh(grants, tokens, scope="contacts.read orders.read")

    assert refresh(grants, tokens)


def test_a_refresh_token_is_of_no_use_to_another_client_and_not_used_up_by_it():
    grants = create_grants()
    tokens = issue(grants)

    with pytest.raises(OAuthError, match="invalid_grant"):
        grants.refresh(str(tokens.refresh_token), "other", (), NOON)

    assert refresh(grants, tokens)


def test_a_server_may_give_refresh_tokens_for_offline_access_only():
    grants = create_grants(offline_access_required=True)

    assert issue(grants, "contacts.read").refresh_token is None
    assert issue(grants, "contacts.read offline_access").refresh_token


def test_revoking_a_refresh_token_ends_its_access_tokens_too():
    grants = create_grants()
    tokens = issue(grants)

    grants.revoke(str(tokens.refresh_token), "app")

    assert not is_open(grants, tokens)
    with pytest.raises(OAuthError, match="invalid_grant"):
        refresh(grants, tokens)


def test_revoking_an_access_token_leaves_the_grant():
    grants = create_grants()
    tokens = issue(grants)

    grants.revoke(tokens.access_token, "app")

    assert not is_open(grants, tokens)
    assert refresh(grants, tokens)


def test_an_unknown_token_is_as_good_as_revoked():
    grants = create_grants()

    grants.revoke("never-heard-of", "app")

    assert grants.counts["revocations"] == 0


def test_nobody_revokes_the_token_of_another_client():
    grants = create_grants()
    tokens = issue(grants)

    with pytest.raises(OAuthError, match="unauthorized_client"):
        grants.revoke(str(tokens.refresh_token), "other")

    assert is_open(grants, tokens)


def test_a_snapshot_brings_back_grants_and_what_is_known_about_reuse():
    grants = create_grants()
    first = issue(grants)
    second = refresh(grants, first)
    untouched = issue(grants, "profile")

    revived = create_grants()
    revived.restore(json.loads(json.dumps(grants.snapshot())))

    assert is_open(revived, untouched, "profile")
    assert not is_open(revived, untouched, now=NOON + timedelta(minutes=5))
    assert refresh(revived, second)
    with pytest.raises(OAuthError, match="invalid_grant"):
        refresh(revived, first)
    assert not is_open(revived, second)


def test_a_snapshot_holds_no_token_that_could_be_used():
    grants = create_grants()
    tokens = issue(grants)

    text = json.dumps(grants.snapshot())

    assert tokens.access_token not in text
    assert str(tokens.refresh_token) not in text


def test_what_is_long_dead_is_forgotten():
    grants = create_grants()
    tokens = issue(grants)
    living = refresh(grants, tokens)
    much_later = NOON + DEAD_TOKENS_KEPT + timedelta(minutes=6)

    refresh(grants, living, much_later)

    snapshot = grants.snapshot()
    assert len(snapshot["access_tokens"]) == 1
    assert len(snapshot["refresh_tokens"]) == 2
