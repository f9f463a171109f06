"""Whether a window is open and when it opens next, beside libraries that know cron and RRULE."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger
from croniter import croniter
from cronsim import CronSim
from dateutil.rrule import DAILY, rrule

from benchmarks.bed.bench import Bench
from benchmarks.bed.tell import Row, at_least, middle, ratios
from offpeakd.core.calendar import Calendar
from offpeakd.core.selectors import parse_days, parse_local_time
from offpeakd.core.windows import Window

NAME = "Europe/Amsterdam"
ZONE = ZoneInfo(NAME)
LENGTH = timedelta(hours=6)
CRON = "0 23 * * *"
# Never on an edge: whether that counts, the libraries see differently.
BEGIN = datetime(2026, 6, 1, 12, 1, tzinfo=UTC)
INSTANTS = tuple(BEGIN + timedelta(minutes=3 * place) for place in range(200))
MOST = 0.050
Answer = tuple[bool, datetime]
Ask = Callable[[datetime], Answer]


def window(name: str, zone: str, start: str, end: str) -> Window:
    return Window(
        name=name,
        zone=zone,
        days=(parse_days("daily"),),
        start=parse_local_time(start),
        end=parse_local_time(end, end=True),
    )


def ours() -> Ask:
    calendar = Calendar({"w": window("w", NAME, "23:00", "05:00")}, (), {})

    def ask(now: datetime) -> Answer:
        standing = calendar.at(now)
        assert standing.next is not None
        assert standing.next.start is not None
        return standing.opening is not None, standing.next.start

    return ask


def with_croniter() -> Ask:
    kept = croniter(CRON, BEGIN.astimezone(ZONE))

    def ask(now: datetime) -> Answer:
        local = now.astimezone(ZONE)
        kept.set_current(local, force=True)
        following = kept.get_next(datetime)
        kept.set_current(local, force=True)
        return now < kept.get_prev(datetime) + LENGTH, following

    return ask


def with_cronsim() -> Ask:
    def ask(now: datetime) -> Answer:
        local = now.astimezone(ZONE)
        following = next(CronSim(CRON, local))
        return now < next(CronSim(CRON, local, reverse=True)) + LENGTH, following

    return ask


def with_apscheduler() -> Ask:
    trigger = CronTrigger.from_crontab(CRON, ZONE)

    def ask(now: datetime) -> Answer:
        # It knows no way back: an opening of six hours began within them, or there is none.
        began = trigger.get_next_fire_time(None, now - LENGTH)
        return began <= now, trigger.get_next_fire_time(None, now)

    return ask


def with_rrule() -> Ask:
    rule = rrule(DAILY, dtstart=datetime(2026, 1, 1, 23, 0, tzinfo=ZONE))

    def ask(now: datetime) -> Answer:
        local = now.astimezone(ZONE)
        before = rule.before(local, inc=True)
        return before is not None and now < before + LENGTH, rule.after(local)

    return ask


MAKERS = {
    "croniter": with_croniter,
    "cronsim": with_cronsim,
    "APScheduler's CronTrigger": with_apscheduler,
    "dateutil.rrule": with_rrule,
}


def measure(bench: Bench) -> list[Row]:
    _agree()
    rows = []
    for name, maker in MAKERS.items():
        warm = [(_warm(ours), _warm(maker)) for _ in range(bench.rounds)]
        cold = [(_cold(ours), _cold(maker)) for _ in range(bench.rounds)]
        rows.append(_row(f"open? next opening? once computed, beside {name}", warm, name, 10))
        rows.append(_row(f"open? next opening? cold, beside {name}", cold, name, 4))
    return [*rows, _swept(bench)]


def _row(figure: str, times: Sequence[tuple[float, float]], name: str, goal: float) -> Row:
    us, them = ([pair[place] for pair in times] for place in (0, 1))
    facts = (middle(us, "µs", 1e6), f"{name}: {middle(them, 'µs', 1e6)}")
    return at_least(figure, *facts, ratios(them, us), goal)


def _agree() -> None:
    """All of them have to say the same before any of them is timed."""
    mine = ours()
    for name, maker in MAKERS.items():
        other = maker()
        for now in INSTANTS:
            if mine(now) != other(now):
                raise RuntimeError(f"{name} says {other(now)} of {now}, and not {mine(now)}")


def _warm(maker: Callable[[], Ask]) -> float:
    ask = maker()
    for now in INSTANTS:
        ask(now)
    began = time.perf_counter()
    for now in INSTANTS:
        ask(now)
    return (time.perf_counter() - began) / len(INSTANTS)


def _cold(maker: Callable[[], Ask]) -> float:
    """Each question is the first that its calendar, rule or trigger is asked."""
    fresh = [(maker(), now) for now in INSTANTS]
    began = time.perf_counter()
    for ask, now in fresh:
        ask(now)
    return (time.perf_counter() - began) / len(fresh)


def _swept(bench: Bench) -> Row:
    zones = (NAME, "Asia/Shanghai", "America/New_York")
    windows = {
        f"w{place}": window(
            f"w{place}",
            zones[place % 3],
            f"{place % 24:02}:{place % 60:02}",
            f"{(place + 3) % 24:02}:{(place + 1) % 60:02}",
        )
        for place in range(10_000)
    }
    calendar = Calendar(windows, (), {name: (name,) for name in windows})
    times = []
    for _ in range(bench.rounds + 1):
        began = time.perf_counter()
        for name in windows:
            calendar.at(BEGIN, name)
        times.append(time.perf_counter() - began)
    first, kept = times[0], times[1:]
    return Row(
        "10,000 windows swept, once computed",
        middle(kept, "ms", 1000),
        f"the first sweep: {first * 1000:.0f} ms",
        "-",
        f"≤ {MOST * 1000:.0f} ms",
        median(kept) <= MOST,
    )
