"""Keys and shapes that do not fit, as people write them, each with the whole message."""

from pathlib import Path
from typing import Final

import pytest

from settings.configuration_text import KEYS, TARGET, WHOLE, WINDOW, ZONE, complaint

CASES: Final[dict[str, tuple[str | bytes, list[str]]]] = {
    "misspelt-section": (
        ZONE + TARGET + ("widnows:\n  nights:\n    from: '23:00'\n    to: '05:00'\n"),
        ["offpeakd.yaml:6:1: widnows: unknown key 'widnows'. Did you mean windows?"],
    ),
    "misspelt-key-on": (
        ZONE + TARGET + ("windows:\n  n:\n    on: mon\n    from: 22:00\n    to: 23:00\n"),
        [
            "offpeakd.yaml:8:5: windows.n.on: unknown key 'on'. Known are always, cutoff, dates, days, for, from, month_days, months, offset, timezone, to."
        ],
    ),
    "no-targets": (
        ZONE + WINDOW,
        [
            "offpeakd.yaml:1:1: targets: missing. Add it, such as `targets: {prod: {region: eu-west-101, project_id: …}}`."
        ],
    ),
    "no-zone": (
        TARGET + WINDOW,
        ["offpeakd.yaml:1:1: timezone: missing. Add it, such as `timezone: Europe/Amsterdam`."],
    ),
    "empty-targets": (
        ZONE + "targets: {}\n" + WINDOW,
        [
            "offpeakd.yaml:2:1: targets: no entry. Add it, such as `targets: {prod: {region: eu-west-101, project_id: …}}`."
        ],
    ),
    "targets-with-nothing-below": (
        ZONE + "targets:\n" + WINDOW,
        [
            "offpeakd.yaml:3:1: targets: missing. Add it, such as `targets: {prod: {region: eu-west-101, project_id: …}}`."
        ],
    ),
    "window-and-group-that-do-not-exist": (
        WHOLE
        + (
            "groups: {a: {windows: [night]}}\n"
            "freezes:\n"
            "  - {name: x, month_days: [1], groups: [b]}\n"
        ),
        [
            "offpeakd.yaml:10:24: groups.a.windows.0: no window 'night'. Did you mean nights?",
            "offpeakd.yaml:12:41: freezes.0.groups.0: no group 'b'. Known are a, default.",
        ],
    ),
    "dashes-before-the-keys-of-a-window": (
        ZONE + TARGET + ("windows:\n  n:\n    - days: [mon]\n    - from: 22:00\n      to: 23:00\n"),
        [
            "offpeakd.yaml:8:5: windows.n: expected a map, got a list. Remove the dashes: the keys of one map stand below each other without them."
        ],
    ),
    "windows-as-a-list": (
        ZONE + TARGET + ("windows:\n  - name: n\n    from: 22:00\n"),
        [
            "offpeakd.yaml:7:3: windows: expected a map, got a list. Remove the dashes and give each its name: `weeknights:` with its keys below."
        ],
    ),
    "freezes-as-a-map": (
        WHOLE + ("freezes:\n  ye: {from: 2026-12-20, to: 2026-12-30}\n"),
        [
            "offpeakd.yaml:10:1: freezes: expected a list, got a map. Start each item with a dash: `- name: …` below `freezes:`."
        ],
    ),
    "both-to-and-for": (
        ZONE + TARGET + ("windows:\n  n:\n    from: 22:00\n    to: 23:00\n    for: 1h\n"),
        ["offpeakd.yaml:7:3: windows.n: both to and for is given. Give exactly one of to and for."],
    ),
    "no-time-to-open": (
        ZONE + TARGET + ("windows:\n  n:\n    to: 23:00\n"),
        [
            'offpeakd.yaml:7:3: windows.n: no time to open. Add from: "22:00" with to or for; always: true never closes.'
        ],
    ),
    "freeze-without-a-form": (
        WHOLE + ("freezes:\n  - name: x\n"),
        [
            "offpeakd.yaml:11:5: freezes.0: a freeze has exactly one form. Give from with to, or yearly, or month_days, and only one of them."
        ],
    ),
    "always-beside-a-time": (
        ZONE + TARGET + ("windows:\n  n: {always: true, from: 22:00}\n"),
        [
            "offpeakd.yaml:7:3: windows.n: always stands beside days or times. Keep either always: true or the days and times."
        ],
    ),
    "section-as-text": (
        WHOLE + "release: fast\n",
        [
            "offpeakd.yaml:10:10: release: expected a map, got 'fast'. Write its keys below it, indented: batch_size, guard, min_notice and so on."
        ],
    ),
    "days-as-a-map": (
        ZONE + TARGET + ("windows:\n  n: {days: {a: b}, from: 22:00, to: 23:00}\n"),
        [
            "offpeakd.yaml:7:7: windows.n.days: expected a list, got a map. Write it like [first, second]."
        ],
    ),
    "targets-as-text": (
        ZONE + "targets: eu-west-101\n",
        [
            "offpeakd.yaml:2:10: targets: expected a map, got 'eu-west-101'. Write a name below it, indented, and its keys below that: `prod:`."
        ],
    ),
    "section-as-a-list": (
        WHOLE + ("log:\n- level: info\n"),
        [
            "offpeakd.yaml:11:1: log: expected a map, got a list. Remove the dashes: the keys of one map stand below each other without them."
        ],
    ),
    "credentials-without-type": (
        ZONE + TARGET + ("    credentials:\n      access_key_file: a\n") + WINDOW,
        [
            "offpeakd.yaml:6:5: targets.prod.credentials: type is missing. Add one of type: access_key, password, token_file, ecs_agency."
        ],
    ),
    "credentials-as-text": (
        ZONE + TARGET + "    credentials: foo\n" + WINDOW,
        [
            "offpeakd.yaml:6:18: targets.prod.credentials: expected a map, got text. Write its keys below it, indented: type, access_key_file, domain and so on."
        ],
    ),
    "key-in-place-of-its-file": (
        ZONE + TARGET + KEYS + "      access_key: AAA\n" + WINDOW,
        [
            "offpeakd.yaml:6:5: targets.prod.credentials.access_key_file: missing. Add it, such as `access_key_file: prod.ak`.",
            "offpeakd.yaml:6:5: targets.prod.credentials.secret_key_file: missing. Add it, such as `secret_key_file: prod.sk`.",
            "offpeakd.yaml:8:7: targets.prod.credentials.access_key: unknown key 'access_key'. Put the secret in a file and name the file in access_key_file.",
        ],
    ),
    "one-project-twice": (
        ZONE
        + TARGET
        + ("  qa:\n    region: eu-west-101\n    project_id: 054e292c9880d4992f02c0196d3ea468\n")
        + WINDOW,
        [
            "offpeakd.yaml:6:3: targets.qa: the same project at the same address as target 'prod'. Keep one of the two: limits and claims are counted for each target by itself."
        ],
    ),
    "empty-file": (
        "",
        [
            "offpeakd.yaml: targets: missing. Add it, such as `targets: {prod: {region: eu-west-101, project_id: …}}`.",
            "offpeakd.yaml: timezone: missing. Add it, such as `timezone: Europe/Amsterdam`.",
        ],
    ),
    "list-at-the-top": (
        ("- a\n- b\n"),
        [
            "offpeakd.yaml:1:1: expected a map with timezone, targets and windows, got a list. Start each line with `key:`; `offpeakd config init` writes an example."
        ],
    ),
    "text-at-the-top": (
        "hello",
        [
            "offpeakd.yaml:1:1: expected a map with timezone, targets and windows, got text. Start each line with `key:`; `offpeakd config init` writes an example."
        ],
    ),
}


@pytest.mark.parametrize(("text", "messages"), CASES.values(), ids=CASES)
def test_is_refused_with_its_place_and_a_way_out(
    tmp_path: Path, text: str | bytes, messages: list[str]
) -> None:
    assert complaint(tmp_path, text).splitlines() == messages
