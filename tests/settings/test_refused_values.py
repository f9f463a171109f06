"""Values that a setting refuses, each with the whole message."""

from pathlib import Path
from typing import Final

import pytest

from settings.configuration_text import KEYS, TARGET, WHOLE, WINDOW, ZONE, complaint

CASES: Final[dict[str, tuple[str | bytes, list[str]]]] = {
    "hour-24-with-minutes": (
        ZONE + TARGET + ("windows:\n  n: {from: '24:30', to: '05:00'}\n"),
        [
            "offpeakd.yaml:7:13: windows.n.from: hour 24 only as 24:00. Write 24:00 for the end of the day."
        ],
    ),
    "am-and-pm": (
        ZONE + TARGET + ("windows:\n  n: {from: 2am, to: '05:00'}\n"),
        ["offpeakd.yaml:7:13: windows.n.from: expected HH:MM, got '2am'. Write \"02:00\"."],
    ),
    "time-as-a-number": (
        ZONE + TARGET + ("windows:\n  n: {from: 1320, to: 05:00}\n"),
        [
            'offpeakd.yaml:7:13: windows.n.from: expected a time, got the number 1320. Write times in quotes: "22:00".'
        ],
    ),
    "window-of-no-length": (
        ZONE + TARGET + ("windows:\n  n:\n    from: 22:00\n    to: 22:00\n"),
        [
            "offpeakd.yaml:7:3: windows.n: empty window: from and to are both 22:00. For a whole day write from 00:00 to 24:00."
        ],
    ),
    "cutoff-longer-than-the-window": (
        ZONE + TARGET + ("windows:\n  n:\n    from: 22:00\n    to: 24:00\n    cutoff: 3h\n"),
        [
            "offpeakd.yaml:10:13: windows.n.cutoff: cutoff (3h) leaves no time in a 2h window. Make the cutoff shorter or the window longer."
        ],
    ),
    "negative-cutoff": (
        ZONE + TARGET + ("windows:\n  n:\n    from: 22:00\n    to: 24:00\n    cutoff: -5m\n"),
        [
            "offpeakd.yaml:10:13: windows.n.cutoff: negative duration '-5m'. Write it without the sign."
        ],
    ),
    "duration-without-unit": (
        ZONE + TARGET + ("windows:\n  n:\n    from: 22:00\n    to: 24:00\n    cutoff: 90\n"),
        ["offpeakd.yaml:10:13: windows.n.cutoff: duration '90' has no unit. Add a unit: 90s, 90m."],
    ),
    "offset-instead-of-a-zone": (
        "timezone: CET+1\n" + TARGET + WINDOW,
        [
            "offpeakd.yaml:1:11: timezone: unknown time zone 'CET+1'. Did you mean Europe/Berlin? (IANA name)."
        ],
    ),
    "zone-no": (
        "timezone: NO\n" + TARGET + WINDOW,
        [
            "offpeakd.yaml:1:11: timezone: unknown time zone 'NO'. Write an IANA name such as Europe/Berlin, Asia/Shanghai or UTC."
        ],
    ),
    "truth-value-as-zone": (
        "timezone: true\n" + TARGET + WINDOW,
        ["offpeakd.yaml:1:11: timezone: expected text, got true. Put it in quotes."],
    ),
    "secret-in-the-file": (
        ZONE
        + TARGET
        + KEYS
        + ("      access_key_file: a\n      secret_key: hunter2hunter2\n")
        + WINDOW,
        [
            "offpeakd.yaml:6:5: targets.prod.credentials.secret_key_file: missing. Add it, such as `secret_key_file: prod.sk`.",
            "offpeakd.yaml:9:7: targets.prod.credentials.secret_key: unknown key 'secret_key'. Put the secret in a file and name the file in secret_key_file.",
        ],
    ),
    "keys-instead-of-key-files": (
        ZONE
        + TARGET
        + KEYS
        + ("      access_key_file: AKIA0123456789ABCDEF\n      secret_key_file: 12345678\n")
        + WINDOW,
        [
            "offpeakd.yaml:8:24: targets.prod.credentials.access_key_file: this looks like the key itself, not like the name of a file. Put the key in a file and write the file's name here.",
            "offpeakd.yaml:9:24: targets.prod.credentials.secret_key_file: expected text, got something else. Put it in quotes.",
        ],
    ),
    "unencrypted-endpoint": (
        ZONE + TARGET + "    endpoint: http://dds.eu-west-101.myhuaweicloud.eu\n" + WINDOW,
        [
            "offpeakd.yaml:6:15: targets.prod.endpoint: 'http://dds.eu-west-101.myhuaweicloud.eu' is not encrypted. Use https; http is for loopback addresses only."
        ],
    ),
    "metadata-service-as-endpoint": (
        ZONE + TARGET + "    endpoint: https://169.254.169.254\n" + WINDOW,
        [
            "offpeakd.yaml:6:15: targets.prod.endpoint: '169.254.169.254' is an IP address or no valid host name. Use the service's name; only loopback addresses may be numbers."
        ],
    ),
    "password-in-the-endpoint": (
        ZONE + TARGET + "    endpoint: https://u:p@h\n" + WINDOW,
        [
            "offpeakd.yaml:6:15: targets.prod.endpoint: the address contains a user name or a password. Take everything before the @ out of it; keys and passwords belong in files."
        ],
    ),
    "foreign-endpoint": (
        ZONE + TARGET + "    endpoint: https://evil.com\n" + WINDOW,
        [
            "offpeakd.yaml:6:15: targets.prod.endpoint: 'evil.com' is not an address of Huawei Cloud. Use a name under myhuaweicloud.com, myhuaweicloud.eu, otc.t-systems.com, prod-cloud-ocb.orange-business.com."
        ],
    ),
    "project-id-of-31-digits": (
        ZONE
        + (
            "targets:\n"
            "  prod:\n"
            "    region: eu-west-101\n"
            "    project_id: 054e292c9880d4992f02c0196d3ea46\n"
        )
        + WINDOW,
        [
            "offpeakd.yaml:5:17: targets.prod.project_id: '054e292c9880d4992f02c0196d3ea46' is not a project id (32 hexadecimal digits). Copy it from the console: My Credentials, API Credentials, the region's row."
        ],
    ),
    "project-id-in-capitals": (
        ZONE
        + (
            "targets:\n"
            "  prod:\n"
            "    region: eu-west-101\n"
            "    project_id: 054E292c9880d4992f02c0196d3ea468\n"
        )
        + WINDOW,
        [
            "offpeakd.yaml:5:17: targets.prod.project_id: '054E292c9880d4992f02c0196d3ea468' is not a project id (32 hexadecimal digits). Write it in lower case: 054e292c9880d4992f02c0196d3ea468."
        ],
    ),
    "project-id-as-path": (
        ZONE + ("targets:\n  prod:\n    region: eu-west-101\n    project_id: ../x\n") + WINDOW,
        [
            "offpeakd.yaml:5:17: targets.prod.project_id: '../x' is not a project id (32 hexadecimal digits). Copy it from the console: My Credentials, API Credentials, the region's row."
        ],
    ),
    "batch-of-eleven": (
        WHOLE + "release: {batch_size: 11}\n",
        [
            "offpeakd.yaml:10:23: release.batch_size: 11 is out of range. Write a number from 1 to 10 (limit of the DDS call)."
        ],
    ),
    "batch-of-none": (
        WHOLE + "release: {batch_size: 0}\n",
        [
            "offpeakd.yaml:10:23: release.batch_size: 0 is out of range. Write a number from 1 to 10 (limit of the DDS call)."
        ],
    ),
    "postgresql-without-tls": (
        WHOLE + "database: {url: 'postgres://o@db.example/x'}\n",
        [
            "offpeakd.yaml:10:17: database.url: the connection to 'db.example' may be unencrypted. Add ?sslmode=verify-full to the url, or allow_plain: true where the network is safe."
        ],
    ),
    "password-in-the-database-address": (
        WHOLE + "database: {url: 'postgres://o:sekret@db.example/x'}\n",
        [
            "offpeakd.yaml:10:17: database.url: the address contains a password. Put the password in a file and name it in database.password_file."
        ],
    ),
    "password-that-looks-like-a-port-in-the-database-address": (
        WHOLE + "database: {url: 'postgresql://o:12/34@db.example/x?sslmode=require'}\n",
        [
            "offpeakd.yaml:10:17: database.url: the address contains a password. Put the password in a file and name it in database.password_file."
        ],
    ),
    "database-in-memory": (
        WHOLE + "database: {url: 'sqlite://'}\n",
        [
            "offpeakd.yaml:10:17: database.url: a database in memory would forget every request. Write it like sqlite:////var/lib/offpeakd/offpeakd.db or postgresql://offpeakd@db.example/offpeakd."
        ],
    ),
    "options-behind-a-file": (
        WHOLE + "database: {url: 'sqlite:////srv/offpeakd.db?timeout=5'}\n",
        [
            "offpeakd.yaml:10:17: database.url: a SQLite address ends with the file's name. Leave out what stands behind it; in a name, write %3F for ? and %23 for #."
        ],
    ),
    "another-database": (
        WHOLE + "database: {url: 'mysql://x/y'}\n",
        [
            "offpeakd.yaml:10:17: database.url: expected an address of a SQLite or PostgreSQL database, got 'mysql'. Write it like sqlite:////var/lib/offpeakd/offpeakd.db or postgresql://offpeakd@db.example/offpeakd."
        ],
    ),
    "password-for-a-file": (
        WHOLE + "database: {password_file: x}\n",
        ["offpeakd.yaml:10:27: database.password_file: a SQLite file has no password. Remove it."],
    ),
    "misspelt-region": (
        ZONE
        + (
            "targets:\n"
            "  prod:\n"
            "    region: eu-west-11\n"
            "    project_id: 054e292c9880d4992f02c0196d3ea468\n"
        )
        + WINDOW,
        [
            "offpeakd.yaml:4:13: targets.prod.region: no region 'eu-west-11' is known. Did you mean eu-west-101? For any other region give its `endpoint`."
        ],
    ),
    "misspelt-level": (
        WHOLE + "log: {level: warn}\n",
        ["offpeakd.yaml:10:14: log.level: 'warn' is not known here. Did you mean warning?"],
    ),
    "open-to-the-network-without-token": (
        WHOLE + "http: {listen: '0.0.0.0:80'}\n",
        [
            "offpeakd.yaml:10:16: http.listen: '0.0.0.0:80' can be reached from other machines without a token. Name a token_file, or listen on 127.0.0.1."
        ],
    ),
    "no-address": (
        WHOLE + "http: {listen: 'foo'}\n",
        [
            "offpeakd.yaml:10:16: http.listen: 'foo' is not an address to listen on. Write it like 127.0.0.1:8417 or unix:/run/offpeakd/api.sock."
        ],
    ),
    "weekdays-that-are-none": (
        ZONE + TARGET + ("windows:\n  n: {days: [monday-fri, xyz], from: 22:00, to: 23:00}\n"),
        [
            "offpeakd.yaml:7:14: windows.n.days.0: unknown weekday 'monday'. Did you mean mon?",
            "offpeakd.yaml:7:26: windows.n.days.1: unknown weekday 'xyz'. Write one of mon, tue, wed, thu, fri, sat, sun.",
        ],
    ),
    "date-that-does-not-exist": (
        WHOLE + ("freezes:\n  - {name: x, from: 2026-13-01, to: 2026-12-01}\n"),
        [
            "offpeakd.yaml:11:21: freezes.0.from: 2026-13-01 does not exist: month must be in 1..12. Write a real date."
        ],
    ),
    "freeze-backwards": (
        WHOLE + ("freezes:\n  - {name: x, from: 2026-12-10, to: 2026-12-01}\n"),
        [
            "offpeakd.yaml:11:5: freezes.0: the freeze ends at 2026-12-01, before or as it starts. Swap from and to."
        ],
    ),
    "retry-that-shrinks": (
        WHOLE + "retry: {first: 7h}\n",
        ["offpeakd.yaml:10:1: retry.most: most (6h) is less than first (7h). Raise most."],
    ),
    "name-with-a-space": (
        ZONE + TARGET + ("windows:\n  'my window': {from: 22:00, to: 23:00}\n"),
        [
            "offpeakd.yaml:7:3: windows.my window: 'my window' can't be a name. Use up to 63 letters, digits, dots, dashes and underscores; begin with a letter or digit."
        ],
    ),
    "fraction-of-an-instance": (
        WHOLE + "release: {batch_size: 1.5}\n",
        [
            "offpeakd.yaml:10:23: release.batch_size: expected a whole number, got the number 1.5. Write digits alone, such as 10."
        ],
    ),
    "yes-is-text": (
        ZONE + TARGET + ("windows:\n  n: {always: yes}\n"),
        [
            "offpeakd.yaml:7:15: windows.n.always: expected true or false, got 'yes'. Write true or false."
        ],
    ),
    "one-of-two-kinds-of-credentials": (
        ZONE + TARGET + ("    credentials:\n      type: accesskey\n") + WINDOW,
        [
            "offpeakd.yaml:7:13: targets.prod.credentials.type: 'accesskey' is no kind of credentials. Did you mean access_key?"
        ],
    ),
}


@pytest.mark.parametrize(("text", "messages"), CASES.values(), ids=CASES)
def test_is_refused_with_its_place_and_a_way_out(
    tmp_path: Path, text: str | bytes, messages: list[str]
) -> None:
    assert complaint(tmp_path, text).splitlines() == messages
