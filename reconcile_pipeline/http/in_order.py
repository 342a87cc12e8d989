"""Several calls at the same time, their answers one after the other in the order of the questions.

Holds no more than it was told to: what is answered early waits for its turn. Knows no HTTP.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


async def in_order(
    ask: Callable[[Question], Awaitable[Answer]], questions: Iterable[Question], at_once: int
) -> AsyncGenerator[tuple[Question, Answer]]:
    """Yield each question with its answer, while up to `at_once` of them are being asked.

    Raises what asking raised, when its turn comes. Whoever stops early has to close the generator
    (`contextlib.aclosing`): that calls off what is under way.
    """
    source = iter(questions)
    asked: deque[tuple[Question, asyncio.Future[Answer]]] = deque()
    try:
        _fill(asked, ask, source, at_once)
        while asked:
            question, answer = asked[0]
            found = await answer
            asked.popleft()
            # Before it is handed on: whoever takes it may take its time.
            _fill(asked, ask, source, at_once)
            yield question, found
    finally:
        for _question, answer in asked:
            answer.cancel()
        await asyncio.gather(*(answer for _, answer in asked), return_exceptions=True)


def _fill(
    asked: deque[tuple[Question, asyncio.Future[Answer]]],
    ask: Callable[[Question], Awaitable[Answer]],
    source: Iterator[Question],
    at_once: int,
) -> None:
    while len(asked) < at_once:
        try:
            question = next(source)
        except StopIteration:
            return
        asked.append((question, asyncio.ensure_future(ask(question))))
