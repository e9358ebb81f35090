"""What people write down about an API's way to say that a token has run out."""

import pytest

from connections.grants.asking.dialects import dialect_of
from connections.models import Connection
from connections.oauth2.dialect import Dialect, Meaning, Rule
from connections.oauth2.signals import UnreadableSignal, read_signals

EXPIRED = Meaning.EXPIRED


@pytest.mark.requirement("R8", "R50", "QC37")
@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("403", Rule(EXPIRED, status=403)),
        ("200 error=token_expired", Rule(EXPIRED, status=200, member="error", value="token_expired")),
        ("400  error.code = 190", Rule(EXPIRED, status=400, member="error.code", value="190")),
        ("errors.0.code=X", Rule(EXPIRED, member="errors.0.code", value="X")),
        ("401 error", Rule(EXPIRED, status=401, member="error")),
        ('403 "Session (expired)"', Rule(EXPIRED, status=403, words=r"Session\ \(expired\)")),
    ],
)
def test_each_line_is_a_rule(line: str, rule: Rule) -> None:
    assert read_signals(line) == (rule,)


@pytest.mark.parametrize("line", ["600", "40", "session expired", "200 =x", "403error=x", "=", '"'])
def test_a_line_that_is_no_rule_is_named(line: str) -> None:
    with pytest.raises(UnreadableSignal) as refused:
        read_signals(f"403\n{line}")

    assert refused.value.line == line


def test_rules_stand_one_below_the_other_with_nothing_between_them() -> None:
    assert [rule.status for rule in read_signals("403\r\n\n  419 \n")] == [403, 419]
    assert read_signals("") == ()


def test_a_signal_fits_its_answer_and_no_other() -> None:
    [rule] = read_signals("400 error.code=190")

    assert rule.fits(400, {"error": {"code": 190}}, "")
    assert not rule.fits(400, {"error": {"code": 191}}, "")
    assert not rule.fits(200, {"error": {"code": 190}}, "")
    [words] = read_signals('200 "Session (expired)"')
    assert words.fits(200, None, "<p>session (EXPIRED)</p>")
    assert not words.fits(200, None, "<p>session expired</p>")


def test_the_signals_of_a_connection_come_before_those_of_its_provider() -> None:
    connection = Connection(expiry_signals="403", token_url="https://auth.example/token")

    assert dialect_of(connection).rules[0] == Rule(EXPIRED, status=403)
    assert dialect_of(Connection(token_url="https://auth.example/token")).rules == Dialect().rules


@pytest.mark.requirement("R8", "QC26")
def test_a_refresh_parameter_without_a_value_is_left_out_and_one_with_a_value_is_sent() -> None:
    connection = Connection(
        token_url="https://auth.example/token", refresh_parameters={"grant_type": "", "type": "refresh"}
    )

    dialect = dialect_of(connection)

    assert dialect.refresh_dropped == {"grant_type"}
    assert dialect.refresh_parameters == {"type": "refresh"}
