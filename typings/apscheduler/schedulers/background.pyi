from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.triggers.base import BaseTrigger

class Job:
    id: str
    next_run_time: datetime
    def modify(self, *, next_run_time: datetime) -> Job: ...

class BackgroundScheduler:
    def __init__(
        self,
        *,
        job_defaults: Mapping[str, object],
        timezone: tzinfo,
    ) -> None: ...
    def add_executor(self, executor: ThreadPoolExecutor, *, alias: str) -> None: ...
    def add_job(
        self,
        func: Callable[[], object],
        trigger: BaseTrigger,
        *,
        id: str,
        executor: str = "default",
        next_run_time: datetime = ...,
    ) -> Job: ...
    def get_job(self, job_id: str) -> Job: ...
    def modify_job(self, job_id: str, *, next_run_time: datetime) -> Job: ...
    def remove_job(self, job_id: str) -> None: ...
    def start(self) -> None: ...
    def shutdown(self, wait: bool = True) -> None: ...
