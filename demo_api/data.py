"""PURE. The records behind the API: the same ones in every process, each computed from its number."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Any
from unicodedata import normalize

Record = dict[str, Any]

CONTACTS = 2_340
ORDERS_AT_OPENING = 3_120
# How far back the orders of the opening day reach.
ORDER_HISTORY = timedelta(days=120)
NEWEST_CONTACT = datetime(2026, 9, 30, 16, 0, tzinfo=UTC)

# Words in a string where a tuple would take a hundred lines.
FIRST_NAMES = (  # noqa: SIM905
    "Amara Anna Arjun Astrid Bruno Camille Chidi Clara Dario Elif Emil Farah Felix Greta Hana Hugo Ines "
    "Ivan Jonas Joëlle Kaito Laila Lars Leonie Lucía Malik Marta Mei Milan Nadia Nils Noor Oskar Paula "
    "Priya Ravi Rosa Samuel Sofia Søren Tariq Tessa Tomás Uma Viktor Yara Yusuf Zoë"
).split()
LAST_NAMES = (  # noqa: SIM905
    "Abebe Almeida Andersson Bakker Baumann Berg Castillo Chen Costa Dubois Eriksen Farouk Fischer García "
    "Haddad Hansen Ito Jansen Kaya Keller Khan Kovács Larsen Lefèvre Lindqvist Marino Mbeki Meyer Moreau "
    "Müller Nakamura Novák Okafor Olsen Patel Pereira Petrov Rahman Richter Romano Rossi Sato Schneider "
    "Silva Tanaka Vogel Weber Wójcik Yilmaz Zhang"
).split()
COMPANIES = (
    ("Albatross Shipping", "albatross-shipping.example", "Rotterdam", "NL"),
    ("Blue Hour Coffee", "bluehour.example", "Berlin", "DE"),
    ("Cedar & Pine Interiors", "cedarpine.example", "Lyon", "FR"),
    ("Deltaworks Engineering", "deltaworks.example", "Utrecht", "NL"),
    ("Estrela Foods", "estrela-foods.example", "Porto", "PT"),
    ("Fjord Outdoor", "fjord-outdoor.example", "Bergen", "NO"),
    ("Granite Legal", "granitelegal.example", "Edinburgh", "GB"),
    ("Helio Solar", "helio-solar.example", "Sevilla", "ES"),
    ("Isla Surf School", "isla-surf.example", "Ericeira", "PT"),
    ("Juniper Health", "juniperhealth.example", "Dublin", "IE"),
    ("Kestrel Robotics", "kestrel-robotics.example", "Turin", "IT"),
    ("Lumen Print House", "lumenprint.example", "Vienna", "AT"),
    ("Mistral Bikes", "mistral-bikes.example", "Marseille", "FR"),
    ("Nordlicht Optik", "nordlicht-optik.example", "Hamburg", "DE"),
    ("Oakridge Schools", "oakridge-schools.example", "Leeds", "GB"),
    ("Piazza Ceramics", "piazza-ceramics.example", "Faenza", "IT"),
    ("Quay Street Books", "quaystreetbooks.example", "Bristol", "GB"),
    ("Rosehip Cosmetics", "rosehip-cosmetics.example", "Kraków", "PL"),
    ("Saltmarsh Hotels", "saltmarsh-hotels.example", "Ghent", "BE"),
    ("Tandem Accounting", "tandem-accounting.example", "Zürich", "CH"),
)
OWNERS = ("Dana Whitfield", "Marcus Oyelaran", "Ingrid Solheim", "Pablo Quintero")
LIFECYCLE_STAGES = ("subscriber", "lead", "qualified", "opportunity", "customer", "customer", "former")
TAGS = ("newsletter", "trade-fair", "partner", "wholesale", "referral", "webinar")
PRODUCTS = (
    ("BEAN-ETH-1000", "Ethiopia Guji, 1 kg", 3290),
    ("BEAN-COL-1000", "Colombia Huila, 1 kg", 2790),
    ("BEAN-HSE-0250", "House blend, 250 g", 890),
    ("GRND-MAN-01", "Hand grinder", 7450),
    ("FILT-V60-100", "Paper filters, 100 pieces", 640),
    ("CUPS-STN-06", "Stoneware cups, set of 6", 5400),
    ("MACH-ESP-02", "Espresso machine, two groups", 248_000),
    ("SERV-BAR-01", "Barista course, one day", 19_500),
)
ORDER_STATUSES = ("paid", "paid", "shipped", "shipped", "shipped", "delivered", "refunded", "open")


@lru_cache(maxsize=8_192)
def contact(number: int) -> Record:
    """Contact `number`, counted from 1. Not to be changed by the caller."""
    chance = Random(number)  # noqa: S311 - believable, not secret
    first_name, last_name = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
    company, domain, city, country = chance.choice(COMPANIES)
    created_at = NEWEST_CONTACT - timedelta(minutes=397 * ((CONTACTS - number) % CONTACTS))
    updated_at = created_at + timedelta(minutes=chance.randrange(30, 20_000))
    return {
        "id": number,
        "first_name": first_name,
        "last_name": last_name,
        "email": f"{_ascii(first_name)}.{_ascii(last_name)}.{number}@{domain}",
        "phone": f"+{chance.choice((31, 33, 34, 39, 44, 49))} {chance.randrange(10**8, 10**9)}"
        if chance.random() < 0.8
        else None,
        "company": {"name": company, "domain": domain, "city": city, "country": country},
        "lifecycle_stage": chance.choice(LIFECYCLE_STAGES),
        "owner": chance.choice(OWNERS),
        "tags": sorted(chance.sample(TAGS, chance.randrange(4))),
        "lifetime_value": chance.randrange(2_000_00) / 100,
        "is_subscribed": chance.random() < 0.6,
        "created_at": _moment(created_at),
        "updated_at": _moment(updated_at),
    }


@dataclass(frozen=True, slots=True)
class Orders:
    """The order book of a shop that stays open: a new order every `interval`, none without one."""

    opened_at: datetime
    interval: timedelta | None = timedelta(minutes=1)
    at_opening: int = ORDERS_AT_OPENING
    extra: int = 0
    """Orders that somebody added by hand."""

    def count(self, now: datetime) -> int:
        """How many orders there are; their numbers are 1 to this."""
        since_opening = (now - self.opened_at) // self.interval if self.interval else 0
        return self.at_opening + self.extra + max(0, since_opening)

    def order(self, number: int) -> Record:
        """Order `number`, counted from 1; the newest has the highest number."""
        chance = Random(10**9 + number)  # noqa: S311 - believable, not secret
        customer = contact(chance.randrange(1, CONTACTS + 1))
        company = customer["company"]
        lines: list[Record] = [
            {"sku": sku, "name": name, "quantity": chance.randrange(1, 5), "unit_price": cents / 100}
            for sku, name, cents in chance.sample(PRODUCTS, chance.randrange(1, 4))
        ]
        return {
            "id": f"ord_{number:06d}",
            "number": number,
            "status": chance.choice(ORDER_STATUSES),
            "created_at": _moment(self._created_at(number)),
            "customer": {"id": customer["id"], "email": customer["email"], "company": company["name"]},
            "ship_to": {"city": company["city"], "country": company["country"]},
            "currency": "EUR",
            "total": round(sum(line["quantity"] * line["unit_price"] for line in lines), 2),
            "lines": lines,
        }

    def _created_at(self, number: int) -> datetime:
        if number > self.at_opening:
            return self.opened_at + (number - self.at_opening) * (self.interval or timedelta(minutes=1))
        return self.opened_at - (self.at_opening - number) * (ORDER_HISTORY / self.at_opening)


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ascii(name: str) -> str:
    """A name as it is written in front of an @."""
    return normalize("NFKD", name.lower().replace("ø", "o")).encode("ascii", "ignore").decode()
