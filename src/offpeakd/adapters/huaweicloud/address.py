"""Where a target's calls go, as plain values."""

from datetime import timedelta

from offpeakd.core.values import value


@value
class Address:
    """One target: a project in a region. The endpoints have passed `core.endpoints`.

    Attributes:
        name: the target's, for messages.
        region: such as `eu-west-101`.
        project_id: 32 hexadecimal digits.
        endpoint: of DDS, without a slash at its end.
        iam_endpoint: of IAM, likewise.
        requests_per_minute: calls in any 60 seconds, at the most.
        ca_file: PEM file of the authorities to trust; None for the public ones.
        connect_timeout: for name, connection and TLS, each.
        read_timeout: the longest silence while an answer is awaited; a whole body may take twice
            as long.
        write_timeout: the longest halt while a request is written.
    """

    name: str
    region: str
    project_id: str
    endpoint: str
    iam_endpoint: str
    requests_per_minute: int
    ca_file: str | None = None
    connect_timeout: timedelta = timedelta(seconds=10)
    read_timeout: timedelta = timedelta(seconds=60)
    write_timeout: timedelta = timedelta(seconds=5)
