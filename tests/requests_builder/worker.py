"""A worker as a process of its own, to be killed or frozen: python -m tests.requests_builder.worker RUN_ID.

Says "executed: <state>" at the end. Database, keys and allowed addresses come from the environment.
"""

import sys
from uuid import UUID, uuid4


def main() -> None:
    import django

    django.setup()
    from django.utils.timezone import now

    from requests_builder import runs

    state = runs.execute(UUID(sys.argv[1]), worker=uuid4(), now=now())
    print(f"executed: {state}", flush=True)


if __name__ == "__main__":
    main()
