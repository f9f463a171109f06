"""A key that somebody puts into the configuration is never repeated."""

import traceback
from pathlib import Path
from typing import Final

import pytest

from offpeakd.core.errors import ConfigurationError
from settings.configuration_text import KEYS, TARGET, WHOLE, WINDOW, ZONE, loaded

CANARY: Final = "Zq7Xw2Lk9Pv4Rt8Ns3Bm6Yc1"
DIGITS: Final = "91827364554637"

_BY_KEY = ZONE + TARGET + KEYS
_PLACES: Final = {
    "access-key-file": _BY_KEY + "      access_key_file: {}\n      secret_key_file: b\n" + WINDOW,
    "secret-key-file": _BY_KEY + "      access_key_file: a\n      secret_key_file: {}\n" + WINDOW,
    "security-token-file": _BY_KEY + "      security_token_file: {}\n" + WINDOW,
    "secret-key": _BY_KEY + "      secret_key: {}\n" + WINDOW,
    "access-key-as-map": _BY_KEY + "      access_key: {{id: {}}}\n" + WINDOW,
    "credentials": ZONE + TARGET + "    credentials: {}\n" + WINDOW,
    "password": WHOLE + "database: {{password: {}}}\n",
    "password-file": WHOLE + "database: {{password_file: {}}}\n",
    "password-in-url": WHOLE + "database: {{url: 'postgresql://o:{}@db/q'}}\n",
    "password-in-query": WHOLE + "database: {{url: 'postgresql://o@db/q?password={}'}}\n",
    "password-in-odd-url": WHOLE + "database: {{url: 'oracle://o:{}@db/q'}}\n",
    "url-itself": WHOLE + "database: {{url: {}}}\n",
    "api-token": WHOLE + "http: {{listen: '127.0.0.1:1', token: {}}}\n",
    "endpoint": ZONE + TARGET + "    endpoint: https://u:{}@h\n" + WINDOW,
}


@pytest.mark.parametrize("secret", [CANARY, DIGITS])
@pytest.mark.parametrize("text", _PLACES.values(), ids=_PLACES)
def test_no_message_and_no_traceback_repeats_it(tmp_path: Path, text: str, secret: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, text.format(secret))
    assert secret not in str(caught.value)
    assert secret not in repr(caught.value.problems)
    assert secret not in "".join(traceback.format_exception(caught.value))


def test_a_long_value_is_cut(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, f"timezone: {'x y ' * 500}\n" + TARGET + WINDOW)
    assert len(str(caught.value)) < 300
