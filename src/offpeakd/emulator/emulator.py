"""The emulator as a whole: a pretended cloud behind a real HTTP server."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from threading import Condition, Event
from types import TracebackType
from typing import Final, Self

from offpeakd.emulator import routes
from offpeakd.emulator.answers_iam import Account
from offpeakd.emulator.call import Call
from offpeakd.emulator.cloud_model import DdsInstance, Snapshot, UpgradeCall
from offpeakd.emulator.effects import NO_EFFECT, Effect, effect_of
from offpeakd.emulator.faults import Faults
from offpeakd.emulator.fleet import make_fleet
from offpeakd.emulator.gateway import Gateway
from offpeakd.emulator.options import EmulatorSettings
from offpeakd.emulator.refusals import RefusedError
from offpeakd.emulator.reply import Ending, Reply, refusal_reply
from offpeakd.emulator.rules import RuleBook
from offpeakd.emulator.server import Server
from offpeakd.emulator.verify import AccessKey, Arrived, SignatureCheck, Tokens
from offpeakd.emulator.world import Habits, World
from offpeakd.ports import Clock

_STOPPED: Final = Reply(HTTPStatus.SERVICE_UNAVAILABLE, ending=Ending.DROPPED)


class Emulator:
    """DDS and IAM on one loopback port. Listens from its making until `close`.

    Attributes:
        settings: what it was made with.
        url: where it listens, such as `http://127.0.0.1:9417`.
    """

    def __init__(self, settings: EmulatorSettings, clock: Clock) -> None:
        """Make the fleet and listen.

        Args:
            settings: see there.
            clock: tells the time of calls and jobs. Waiting in faults takes real time.

        Raises:
            UsageError: the address to listen on is not a loopback address.
            OffpeakdError: the port can't be had.
        """
        self.settings = settings
        self._clock = clock
        self._changed = Condition()
        self._stopping = Event()
        self._number = 0
        self._account = Account(
            domain=settings.domain,
            user=settings.user,
            password=settings.password,
            project_id=settings.project_id,
            region=settings.region,
        )
        self._tokens = Tokens(settings.token_life, settings.seed)
        key = AccessKey(settings.access_key, settings.secret_key, settings.security_token)
        self._gateway = Gateway(
            key, self._tokens, settings.project_id, settings.requests_per_minute
        )
        self._rules = RuleBook(settings.faults.rules, settings.faults.seed)
        self._world = _world(settings, clock.now())
        self._server = Server(settings.listen, self._answer, clock.now)
        self.url = _url(self._server.address)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and end every connection, also those that wait. May be called twice."""
        if not self._stopping.is_set():
            self._stopping.set()
            self._server.close()

    # ------------------------------------------------------------------- looking

    @property
    def world(self) -> Snapshot:
        """Everything, as it stands now."""
        with self._changed:
            self._world.advance(self._clock.now())
            return self._world.snapshot()

    def starts(self, instance_id: str) -> int:
        """How often an upgrade of the instance was started."""
        with self._changed:
            self._world.advance(self._clock.now())
            return self._world.starts(instance_id)

    def wait_until(
        self, condition: Callable[[Snapshot], bool], within: timedelta = timedelta(seconds=30)
    ) -> bool:
        """Wait for what a call brings about, such as that one has arrived.

        Args:
            condition: asked at first, and again after every call.
            within: real time to wait at the most.

        Returns:
            whether it came true.
        """

        def true_now() -> bool:
            self._world.advance(self._clock.now())
            return condition(self._world.snapshot())

        with self._changed:
            return self._changed.wait_for(true_now, within.total_seconds())

    # ------------------------------------------------------------------- changing

    def put(self, instance: DdsInstance) -> None:
        """Replace an instance by a changed one, or add it as the newest."""
        with self._changed:
            self._world.advance(self._clock.now())
            self._world.put(instance)
            self._changed.notify_all()

    def remove(self, instance_id: str) -> None:
        """Delete an instance, as a person may at any time."""
        with self._changed:
            self._world.advance(self._clock.now())
            self._world.remove(instance_id)
            self._changed.notify_all()

    def upgrade_elsewhere(self, instance_id: str) -> str | None:
        """Start an upgrade as somebody else does, in the console; the job's id, or None."""
        with self._changed:
            now = self._clock.now()
            self._world.advance(now)
            (entry,) = self._world.upgrade((instance_id,), now)
            self._changed.notify_all()
            return entry.job_id

    def use_key(self, key: AccessKey) -> None:
        """Accept another key pair from now on, and only that."""
        with self._changed:
            self._gateway.signatures = SignatureCheck(key)

    def use_faults(self, faults: Faults) -> None:
        """Strike by other rules from now on; their counting begins anew."""
        with self._changed:
            self._rules = RuleBook(faults.rules, faults.seed)

    def revoke_tokens(self) -> None:
        """Make every token given out worthless."""
        with self._changed:
            self._tokens.revoke()

    # ------------------------------------------------------------------- answering

    def _answer(self, arrived: Arrived, at: datetime) -> Reply:
        call = self._arrive(arrived, at)
        effect = NO_EFFECT
        started: tuple[str, ...] = ()
        try:
            effect = self._admit(call)
            if self._stopping.wait(effect.wait_before.total_seconds()):
                return _STOPPED
            reply, started = self._do(call, effect)
        except RefusedError as error:
            reply = refusal_reply(error, call.request_id)
        self._note(call, reply, started, effect)
        if self._stopping.wait(effect.wait_after.total_seconds()):
            return _STOPPED
        return self._stamped(reply, call)

    def _arrive(self, arrived: Arrived, at: datetime) -> Call:
        with self._changed:
            self._world.advance(at)
            self._number += 1
            call = routes.recognise(arrived, at, self._number, f"{self._number:032x}")
            call = self._with_owner_of_job(call)
            self._world.count(call.kind)
            if call.is_upgrade:
                self._world.keep_call(call.number, _noted(call))
            self._changed.notify_all()
            return call

    def _with_owner_of_job(self, call: Call) -> Call:
        owner = self._world.instance_of_job(call.query.get("id", ""))
        return call.about((owner,)) if call.kind == "job" and owner is not None else call

    def _admit(self, call: Call) -> Effect:
        with self._changed:
            self._gateway.admit(call)
            rule = self._rules.strike(call)
            return NO_EFFECT if rule is None else effect_of(rule, call)

    def _do(self, call: Call, effect: Effect) -> tuple[Reply, tuple[str, ...]]:
        if effect.work is None:
            return effect.after_work(Reply(HTTPStatus.OK), call.request_id), ()
        with self._changed:
            now = self._clock.now()
            self._world.advance(now)
            late = replace(call, at=now)
            reply, started = routes.answer(
                self._world, self._account, self._tokens, late, effect.work
            )
        return effect.after_work(reply, call.request_id), started

    def _note(self, call: Call, reply: Reply, started: tuple[str, ...], effect: Effect) -> None:
        if not call.is_upgrade:
            return
        answered = reply.ending in {Ending.SENT, Ending.CUT}
        noted = replace(
            _noted(call),
            status=reply.status if answered else 0,
            answer=reply.body.decode() if answered else "",
            started=started,
            fault=effect.fault,
        )
        with self._changed:
            self._world.keep_call(call.number, noted)
            self._changed.notify_all()

    def _stamped(self, reply: Reply, call: Call) -> Reply:
        headers = {
            "Date": format_datetime(self._clock.now(), usegmt=True),
            "X-Request-Id": call.request_id,
        }
        if call.kind in {"token", "projects"}:
            headers["X-IAM-Trace-Id"] = call.request_id
        return replace(reply, headers={**headers, **reply.headers})


def _noted(call: Call) -> UpgradeCall:
    return UpgradeCall(
        at=call.at,
        instance_ids=call.instance_ids,
        request_id=call.request_id,
        signed_at=call.arrived.headers.get("x-sdk-date"),
    )


def _world(settings: EmulatorSettings, now: datetime) -> World:
    longest = settings.job_duration_most or settings.job_duration
    fleet = make_fleet(
        settings.instances,
        seed=settings.seed,
        now=now,
        region=settings.region,
        mix=settings.mix,
        upgrade_time=(settings.job_duration, longest),
    )
    habits = Habits(settings.job_visible_after, settings.busy_for, settings.permissive)
    return World(fleet, habits, settings.seed, now)


def _url(address: tuple[str, int]) -> str:
    host, port = address
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
