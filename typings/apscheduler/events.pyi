from typing import Final

EVENT_JOB_ERROR: Final[int]
