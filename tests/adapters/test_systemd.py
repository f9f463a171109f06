"""What the service manager is told."""

import socket
from pathlib import Path

import pytest

from offpeakd.adapters.systemd import SystemdNotifier


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_each_message_is_one_datagram(tmp_path: Path, abstract: bool) -> None:
    name = f"offpeakd-{tmp_path.name}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{name}" if abstract else name)
        manager.settimeout(5)
        address = f"@{name}" if abstract else name
        notifier = SystemdNotifier.from_environment({"NOTIFY_SOCKET": address})

        notifier.ready("default: open")
        notifier.status("closed")
        notifier.alive()
        notifier.reloading()
        notifier.stopping()

        assert [manager.recv(200).decode() for _ in range(5)] == [
            "READY=1\nSTATUS=default: open",
            "STATUS=closed",
            "WATCHDOG=1",
            "RELOADING=1",
            "STOPPING=1",
        ]


def test_without_a_service_manager_nothing_is_sent() -> None:
    SystemdNotifier.from_environment({}).ready("open")


def test_a_manager_that_is_gone_does_not_disturb_the_work(tmp_path: Path) -> None:
    SystemdNotifier(str(tmp_path / "gone")).alive()
