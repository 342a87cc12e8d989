"""Kills the review app amid requests, again and again, and looks at what its ledger holds then.

Executed in a process of its own, which forks: an app costs milliseconds. Reads from its input as
JSON the folder of an installation, its month, its cards, and a number for each kill, which tells
its moment; writes one object for each: the cards whose decisions were answered with success before
it, those that the ledger holds, what was refused, and what is half there or broken in the ledger.
"""

import http.client
import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from reconcile_pipeline.building import site_of
from reconcile_pipeline.ledger.chain import verify
from reconcile_pipeline.ledger.changes import read_changes
from reconcile_pipeline.ledger.decisions import standing_decisions
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.serving import listen, serve
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.web import serve as served
from reconcile_pipeline.web.access.guard import Identities

CLIENTS = 3
FOUND = 303
LONGEST_SECONDS = 60.0
Card = dict[str, Any]


class Clients:
    """People who decide one card after the other until the app is gone."""

    def __init__(self, port: int, csrf: str, period: str, cards: list[Card]) -> None:
        self.port, self.csrf, self.period, self.cards = port, csrf, period, cards
        self.answered: list[str] = []
        self.trouble: list[str] = []
        self.heard = threading.Condition()

    def post(self, connection: http.client.HTTPConnection, card: Card) -> int:
        fields = {"csrf": self.csrf, "card_version": card["card_version"], "decision": "reconcile"}
        body = urlencode({**fields, "to": card["to"], "note": "seen"})
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": f"http://127.0.0.1:{self.port}",
            "Sec-Fetch-Site": "same-origin",
        }
        path = f"/cards/{card['card_id']}/decide?from=card&period={self.period}"
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    def decide(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONGEST_SECONDS)
        try:
            while self.cards:
                card = self.cards.pop()
                status = self.post(connection, card)
                with self.heard:
                    if status == FOUND:
                        self.answered.append(card["card_id"])
                    else:
                        self.trouble.append(f"{card['card_id']}: {status}")
                    self.heard.notify_all()
        except (http.client.HTTPException, OSError):
            # Its app was killed: what was under way then was never answered.
            return
        finally:
            connection.close()

    def wait_for(self, answers: int) -> None:
        with self.heard:
            done = self.heard.wait_for(
                lambda: len(self.answered) >= answers or self.trouble, LONGEST_SECONDS
            )
        assert done, "the app does not answer"


def start_app(folder: Path, listener: Any, identities: Identities) -> int:
    """The process id of a child that serves the installation."""
    child = os.fork()
    if child:
        return child
    try:
        served.identities_of = lambda _settings: identities
        site = site_of(load_settings(folder / "reconcile.toml", environ={}))
        serve(served.open_app(site, now=served.now_utc), listener)
    finally:
        os._exit(3)


def one_kill(order: dict[str, Any], number: int, cards: list[Card]) -> dict[str, Any]:
    """Let people decide, kill the app at a moment that the number tells, and look."""
    folder, dice = Path(order["folder"]), random.Random(number)  # noqa: S311 - a moment
    settings = load_settings(folder / "reconcile.toml", environ={})
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        identities = Identities(settings.review, local_name="ann")
        app = start_app(folder, listener, identities)
    clients = Clients(port, identities.token("local:ann"), order["period"], cards)
    threads = [threading.Thread(target=clients.decide) for _ in range(CLIENTS)]
    try:
        for thread in threads:
            thread.start()
        clients.wait_for(dice.randint(1, 3))
        time.sleep(dice.uniform(0, 0.02))
    finally:
        os.kill(app, signal.SIGKILL)
        _pid, status = os.waitpid(app, 0)
    for thread in threads:
        thread.join(LONGEST_SECONDS)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    return look(Ledger(folder / ".reconcile" / "ledger.db"), clients)


def look(ledger: Ledger, clients: Clients) -> dict[str, Any]:
    found = {item.card_id: item.decision_id for item in standing_decisions(ledger)}
    changed = [change.decision_id for change in read_changes(ledger)]
    with ledger.reading() as connection:
        trouble = verify(connection).trouble
    ledger.engine.dispose()
    return {
        "answered": clients.answered,
        "refused": clients.trouble,
        "found": sorted(found),
        "half": sorted(set(found.values()) ^ set(changed)),
        "doubled": len(changed) - len(set(changed)),
        "trouble": trouble,
    }


def main() -> None:
    order = json.load(sys.stdin)
    cards = list(order["cards"])
    kills = [one_kill(order, number, cards) for number in order["moments"]]
    json.dump(kills, sys.stdout)


main()
